// Prints a checksum and the size of each file in a folder, and of all there is below it: `treesum [FOLDER…]`; without one,
// of `.`. A line is what `sha256sum` prints, with the size between:
//
//     SHA-256 in hexadecimal  SIZE  PATH
//
// Folders are walked in the order of the names, bytewise. Symbolic links are not followed: of these, the text that says
// where they lead is summed. A last line has the sum of all lines as `sha256sum` would print them, without the sizes.
//
// Exit status: 0, or 1 if something could not be read; the rest is printed all the same.
//
// Shows reading folders relative to open folders (`openat`, `fdopendir`, `fstatat`, `readlinkat`), integer arithmetic.

#define _POSIX_C_SOURCE 200809L

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// SHA-256, as FIPS 180-4 describes it.

typedef struct {
    uint32_t state[8];
    uint64_t length;
    uint8_t block[64];
} Sha256;

static const uint32_t round_constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static void sha256_start(Sha256 *sha) {
    static const uint32_t initial[8] = {
        0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
    };
    memcpy(sha->state, initial, sizeof initial);
    sha->length = 0;
}

static uint32_t rotated(uint32_t word, int by) {
    return word >> by | word << (32 - by);
}

static void sha256_block(Sha256 *sha) {
    uint32_t w[64];
    for (int i = 0; i < 16; i++) {
        const uint8_t *b = sha->block + 4 * i;
        w[i] = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
    }
    for (int i = 16; i < 64; i++) {
        uint32_t s0 = rotated(w[i - 15], 7) ^ rotated(w[i - 15], 18) ^ w[i - 15] >> 3;
        uint32_t s1 = rotated(w[i - 2], 17) ^ rotated(w[i - 2], 19) ^ w[i - 2] >> 10;
        w[i] = w[i - 16] + s0 + w[i - 7] + s1;
    }
    uint32_t v[8];
    memcpy(v, sha->state, sizeof v);
    for (int i = 0; i < 64; i++) {
        uint32_t s1 = rotated(v[4], 6) ^ rotated(v[4], 11) ^ rotated(v[4], 25);
        uint32_t choice = (v[4] & v[5]) ^ (~v[4] & v[6]);
        uint32_t t1 = v[7] + s1 + choice + round_constants[i] + w[i];
        uint32_t s0 = rotated(v[0], 2) ^ rotated(v[0], 13) ^ rotated(v[0], 22);
        uint32_t majority = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);
        memmove(v + 1, v, 7 * sizeof *v);
        v[4] += t1;
        v[0] = t1 + s0 + majority;
    }
    for (int i = 0; i < 8; i++) {
        sha->state[i] += v[i];
    }
}

static void sha256_add(Sha256 *sha, const void *bytes, size_t length) {
    const uint8_t *at = bytes;
    while (length > 0) {
        size_t used = sha->length % 64;
        size_t room = 64 - used;
        size_t now = length < room ? length : room;
        memcpy(sha->block + used, at, now);
        sha->length += now;
        at += now;
        length -= now;
        if (now == room) {
            sha256_block(sha);
        }
    }
}

// Writes the sum as 64 hexadecimal digits and a zero.
static void sha256_finish(Sha256 *sha, char *hex) {
    uint64_t bits = sha->length * 8;
    sha256_add(sha, "\x80", 1);
    while (sha->length % 64 != 56) {
        sha256_add(sha, "", 1);
    }
    uint8_t big_endian[8];
    for (int i = 0; i < 8; i++) {
        big_endian[i] = (uint8_t)(bits >> (56 - 8 * i));
    }
    sha256_add(sha, big_endian, 8);
    for (int i = 0; i < 8; i++) {
        sprintf(hex + 8 * i, "%08lx", (unsigned long)sha->state[i]);
    }
}

// The walk.

static Sha256 total;
static unsigned long long total_files, total_bytes;
static bool failed;

static void complain(const char *path) {
    fprintf(stderr, "treesum: %s: %s\n", path, strerror(errno));
    failed = true;
}

static void *must(void *allocated) {
    if (allocated == NULL) {
        fprintf(stderr, "treesum: out of memory\n");
        exit(1);
    }
    return allocated;
}

static char *join(const char *folder, const char *name) {
    size_t size = strlen(folder) + strlen(name) + 2;
    char *path = must(malloc(size));
    snprintf(path, size, "%s/%s", folder, name);
    return path;
}

static void report(Sha256 *sha, unsigned long long size, const char *path, const char *target) {
    char hex[65];
    sha256_finish(sha, hex);
    printf("%s  %10llu  %s%s%s\n", hex, size, path, target[0] != 0 ? " -> " : "", target);
    sha256_add(&total, hex, 64);
    sha256_add(&total, "  ", 2);
    sha256_add(&total, path, strlen(path));
    sha256_add(&total, "\n", 1);
    total_files++;
    total_bytes += size;
}

static void sum_file(int folder, const char *name, const char *path) {
    int file = openat(folder, name, O_RDONLY | O_NOFOLLOW);
    if (file < 0) {
        complain(path);
        return;
    }
    Sha256 sha;
    sha256_start(&sha);
    static uint8_t buffer[16384];
    ssize_t length;
    while ((length = read(file, buffer, sizeof buffer)) > 0) {
        sha256_add(&sha, buffer, (size_t)length);
    }
    if (length < 0) {
        complain(path);
    } else {
        report(&sha, sha.length, path, "");
    }
    close(file);
}

static void sum_link(int folder, const char *name, const char *path) {
    char target[4096];
    ssize_t length = readlinkat(folder, name, target, sizeof target - 1);
    if (length < 0) {
        complain(path);
        return;
    }
    target[length] = 0;
    Sha256 sha;
    sha256_start(&sha);
    sha256_add(&sha, target, (size_t)length);
    report(&sha, sha.length, path, target);
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

// Sums what the folder `name` of the open folder `parent` has. `path` is its name for messages.
static void sum_folder(int parent, const char *name, const char *path) {
    int opened = openat(parent, name, O_RDONLY | O_DIRECTORY);
    DIR *folder = opened < 0 ? NULL : fdopendir(opened);
    if (folder == NULL) {
        complain(path);
        return;
    }
    char **names = NULL;
    size_t count = 0;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            names = must(realloc(names, (count + 1) * sizeof *names));
            names[count] = must(malloc(strlen(entry->d_name) + 1));
            strcpy(names[count++], entry->d_name);
        }
    }
    if (count > 0) {
        qsort(names, count, sizeof *names, by_name);
    }
    for (size_t i = 0; i < count; i++) {
        char *below = join(path, names[i]);
        struct stat status;
        if (fstatat(dirfd(folder), names[i], &status, AT_SYMLINK_NOFOLLOW) != 0) {
            complain(below);
        } else if (S_ISDIR(status.st_mode)) {
            sum_folder(dirfd(folder), names[i], below);
        } else if (S_ISLNK(status.st_mode)) {
            sum_link(dirfd(folder), names[i], below);
        } else if (S_ISREG(status.st_mode)) {
            sum_file(dirfd(folder), names[i], below);
        }
        free(below);
        free(names[i]);
    }
    free(names);
    closedir(folder);
}

int main(int argc, char **argv) {
    sha256_start(&total);
    if (argc < 2) {
        sum_folder(AT_FDCWD, ".", ".");
    }
    for (int i = 1; i < argc; i++) {
        sum_folder(AT_FDCWD, argv[i], argv[i]);
    }
    char hex[65];
    sha256_finish(&total, hex);
    printf("%s  %10llu  %llu files\n", hex, total_bytes, total_files);
    if (fflush(stdout) != 0) {
        complain("standard output");
    }
    return failed ? 1 : 0;
}
