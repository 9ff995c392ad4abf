// Writes files, one after the other, to standard output: `cat [-nu] [FILE…]`. Without a file, or where one is `-`, it
// reads standard input.
//
//     -n  puts its number before each line
//     -u  is accepted, as POSIX asks: nothing is held back anyway
//
// Exit status: 0, or 1 if a file could not be read (the others are written all the same), or 2 for a wrong option.
//
// Shows files and standard streams by file descriptors (`open`, `read`, `write`, `fstat`), without `stdio` on the way.

#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool numbered;
static long line_number;
static bool at_line_start = true;

static void complain(const char *name) {
    fprintf(stderr, "cat: %s: %s\n", name, strerror(errno));
}

static void write_all(const char *bytes, size_t length) {
    while (length > 0) {
        ssize_t written = write(STDOUT_FILENO, bytes, length);
        if (written < 0) {
            complain("standard output");
            exit(1);
        }
        bytes += written;
        length -= (size_t)written;
    }
}

// Writes a piece of input, which may begin and end within lines: line numbers go on from file to file.
static void write_numbered(const char *bytes, size_t length) {
    const char *end = bytes + length;
    while (bytes < end) {
        if (at_line_start) {
            char number[32];
            write_all(number, (size_t)snprintf(number, sizeof number, "%6ld\t", ++line_number));
        }
        const char *newline = memchr(bytes, '\n', (size_t)(end - bytes));
        const char *next = newline != NULL ? newline + 1 : end;
        write_all(bytes, (size_t)(next - bytes));
        at_line_start = newline != NULL;
        bytes = next;
    }
}

static bool copy(int file, const char *name) {
    // Directories can be opened, but what `read` says of them differs from system to system.
    struct stat status;
    if (fstat(file, &status) == 0 && S_ISDIR(status.st_mode)) {
        errno = EISDIR;
        complain(name);
        return false;
    }
    static char buffer[16384];
    for (;;) {
        ssize_t length = read(file, buffer, sizeof buffer);
        if (length < 0) {
            complain(name);
            return false;
        }
        if (length == 0) {
            return true;
        }
        (numbered ? write_numbered : write_all)(buffer, (size_t)length);
    }
}

static bool copy_named(const char *name) {
    if (strcmp(name, "-") == 0) {
        return copy(STDIN_FILENO, "standard input");
    }
    int file = open(name, O_RDONLY);
    if (file < 0) {
        complain(name);
        return false;
    }
    bool copied = copy(file, name);
    close(file);
    return copied;
}

int main(int argc, char **argv) {
    opterr = 0;
    for (int option; (option = getopt(argc, argv, "nu")) != -1;) {
        if (option == 'n') {
            numbered = true;
        } else if (option != 'u') {
            fprintf(stderr, "cat: unknown option -%c\nusage: cat [-nu] [FILE...]\n", optopt);
            return 2;
        }
    }
    if (optind == argc) {
        return copy_named("-") ? 0 : 1;
    }
    int status = 0;
    for (int i = optind; i < argc; i++) {
        if (!copy_named(argv[i])) {
            status = 1;
        }
    }
    return status;
}
