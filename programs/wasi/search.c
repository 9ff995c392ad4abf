// Prints the lines that match a pattern: `search [-cinrv] PATTERN [FILE…]`. Without a file, or where one is `-`, it reads
// standard input; with several, or with -r, each line is printed after the name of its file.
//
//     -c  prints the count of matching lines of each file, not the lines
//     -i  takes small and capital letters of ASCII as the same
//     -n  prints the number of each line
//     -r  searches folders, with all that is in them, in the order of the names
//     -v  takes the lines that do not match
//
// In a pattern, `.` stands for any byte, `[a-z_]` for one of a set, `[^…]` for one outside of it, `X*` for X repeated as
// often as there is, or not at all; `^` at the beginning and `$` at the end are the ends of the line; a backslash takes
// the next byte as itself. That is the part of POSIX's basic regular expressions that works without groups.
//
// Exit status: 0 if a line was taken, 1 if none was, 2 for errors.
//
// Shows a small pattern matcher, reading folders, reading lines.

#define _POSIX_C_SOURCE 200809L

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_ATOMS 256

static bool count_only, ignore_case, with_numbers, recursive, inverted;
static bool with_names, found_any, failed;

// One byte of a match: a bit for each value that it may have, and whether it may be repeated.
typedef struct {
    unsigned char set[32];
    bool repeated;
} Atom;

static Atom atoms[MAX_ATOMS];
static int atom_count;
static bool from_start, to_end;

static _Noreturn void fail(const char *message, const char *what) {
    fprintf(stderr, "search: %s%s\n", message, what);
    exit(2);
}

static void complain(const char *name) {
    fprintf(stderr, "search: %s: %s\n", name, strerror(errno));
    failed = true;
}

static void *must(void *allocated) {
    if (allocated == NULL) {
        fail("out of memory", "");
    }
    return allocated;
}

static void add(Atom *atom, unsigned char byte) {
    atom->set[byte / 8] |= (unsigned char)(1 << byte % 8);
    if (ignore_case && isalpha(byte)) {
        unsigned char other = (unsigned char)(byte ^ 0x20);
        atom->set[other / 8] |= (unsigned char)(1 << other % 8);
    }
}

// Compiles what follows a `[`, and returns what follows its `]`. A `]` that comes first belongs to the set.
static const char *compile_set(const char *at, Atom *atom) {
    bool negated = *at == '^';
    at += negated;
    const char *first = at;
    while (*at != ']' || at == first) {
        if (*at == 0) {
            fail("a [ without ]", "");
        }
        unsigned char from = (unsigned char)*at++;
        unsigned char to = from;
        if (at[0] == '-' && at[1] != ']' && at[1] != 0) {
            to = (unsigned char)at[1];
            at += 2;
        }
        if (to < from) {
            fail("a range that ends before it begins", "");
        }
        for (int byte = from; byte <= to; byte++) {
            add(atom, (unsigned char)byte);
        }
    }
    for (int i = 0; negated && i < 32; i++) {
        atom->set[i] = (unsigned char)~atom->set[i];
    }
    return at + 1;
}

static void compile(const char *at) {
    from_start = *at == '^';
    at += from_start;
    while (*at != 0) {
        if (at[0] == '$' && at[1] == 0) {
            to_end = true;
            return;
        }
        if (atom_count == MAX_ATOMS) {
            fail("the pattern is too long", "");
        }
        bool first = atom_count == 0;
        Atom *atom = &atoms[atom_count++];
        unsigned char byte = (unsigned char)*at++;
        if (byte == '*' && !first) {
            // Repeats the atom before it; at the beginning it stands for itself. Two are the same as one.
            atom_count--;
            atoms[atom_count - 1].repeated = true;
        } else if (byte == '.') {
            memset(atom->set, 0xff, sizeof atom->set);
        } else if (byte == '[') {
            at = compile_set(at, atom);
        } else if (byte == '\\') {
            if (*at == 0) {
                fail("a backslash at the end", "");
            }
            add(atom, (unsigned char)*at++);
        } else {
            add(atom, byte);
        }
    }
}

static bool accepts(const Atom *atom, const char *at, const char *end) {
    unsigned char byte = (unsigned char)*at;
    return at < end && (atom->set[byte / 8] >> byte % 8 & 1) != 0;
}

// Whether the atoms from `index` match at `at`.
static bool matches_at(int index, const char *at, const char *end) {
    for (; index < atom_count; index++) {
        const Atom *atom = &atoms[index];
        if (atom->repeated) {
            const char *last = at;
            while (accepts(atom, last, end)) {
                last++;
            }
            for (; last > at; last--) {
                if (matches_at(index + 1, last, end)) {
                    return true;
                }
            }
        } else if (accepts(atom, at, end)) {
            at++;
        } else {
            return false;
        }
    }
    return !to_end || at == end;
}

static bool matches(const char *line, const char *end) {
    for (const char *at = line; at <= end; at++) {
        if (matches_at(0, at, end)) {
            return true;
        }
        if (from_start) {
            break;
        }
    }
    return false;
}

static void search_lines(FILE *file, const char *name) {
    char *line = NULL;
    size_t capacity = 0;
    long number = 0, count = 0;
    for (ssize_t length; (length = getline(&line, &capacity, file)) >= 0;) {
        number++;
        const char *end = line + length - (length > 0 && line[length - 1] == '\n');
        if (matches(line, end) == inverted) {
            continue;
        }
        count++;
        if (count_only) {
            continue;
        }
        if (with_names) {
            printf("%s:", name);
        }
        if (with_numbers) {
            printf("%ld:", number);
        }
        fwrite(line, 1, (size_t)(end - line), stdout);
        putchar('\n');
    }
    free(line);
    if (ferror(file)) {
        complain(name);
    }
    if (count_only) {
        printf(with_names ? "%s:%ld\n" : "%.0s%ld\n", name, count);
    }
    found_any = found_any || count > 0;
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void search_file(const char *name);

static void search_folder(const char *name) {
    DIR *folder = opendir(name);
    if (folder == NULL) {
        complain(name);
        return;
    }
    char **paths = NULL;
    size_t count = 0;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            size_t size = strlen(name) + strlen(entry->d_name) + 2;
            paths = must(realloc(paths, (count + 1) * sizeof *paths));
            paths[count] = must(malloc(size));
            snprintf(paths[count++], size, "%s/%s", name, entry->d_name);
        }
    }
    closedir(folder);
    if (count > 0) {
        qsort(paths, count, sizeof *paths, by_name);
    }
    for (size_t i = 0; i < count; i++) {
        // Links within a folder are not followed: they may lead back to it.
        struct stat status;
        if (lstat(paths[i], &status) != 0) {
            complain(paths[i]);
        } else if (S_ISDIR(status.st_mode) || S_ISREG(status.st_mode)) {
            search_file(paths[i]);
        }
        free(paths[i]);
    }
    free(paths);
}

static void search_file(const char *name) {
    if (strcmp(name, "-") == 0) {
        search_lines(stdin, "(standard input)");
        return;
    }
    struct stat status;
    if (stat(name, &status) != 0) {
        complain(name);
    } else if (S_ISDIR(status.st_mode) && recursive) {
        search_folder(name);
    } else if (S_ISDIR(status.st_mode)) {
        errno = EISDIR;
        complain(name);
    } else {
        FILE *file = fopen(name, "r");
        if (file == NULL) {
            complain(name);
            return;
        }
        search_lines(file, name);
        fclose(file);
    }
}

int main(int argc, char **argv) {
    opterr = 0;
    for (int option; (option = getopt(argc, argv, "cinrv")) != -1;) {
        switch (option) {
        case 'c': count_only = true; break;
        case 'i': ignore_case = true; break;
        case 'n': with_numbers = true; break;
        case 'r': recursive = true; break;
        case 'v': inverted = true; break;
        default: fail("unknown option -", (char[]){(char)optopt, 0});
        }
    }
    if (optind == argc) {
        fail("usage: search [-cinrv] PATTERN [FILE...]", "");
    }
    compile(argv[optind++]);
    with_names = recursive || argc - optind > 1;
    if (optind == argc) {
        search_file("-");
    }
    for (int i = optind; i < argc; i++) {
        search_file(argv[i]);
    }
    if (fflush(stdout) != 0) {
        complain("standard output");
    }
    return failed ? 2 : found_any ? 0 : 1;
}
