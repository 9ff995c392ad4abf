// Sorts lines: `sort [-nru] [-k KEY]… [-o FILE] [FILE…]`. Without a file, or where one is `-`, it reads standard input.
//
//     -n       compares numbers (sign, digits, fraction; of any length), not bytes
//     -r       turns the order around
//     -u       keeps the first of lines that compare equal
//     -k F     compares from field F to the end of the line; F,G to the end of field G. `n` and `r` after it are for this
//              key alone. Further keys count where those before are equal.
//     -o FILE  writes there, after everything was read, so it may be one of the files
//
// A field is blanks and what follows them up to the next blank, and the first is number 1. Lines with equal keys are
// compared as a whole, bytewise, unless -u was given.
//
// Exit status: 0, or 2 for errors; nothing is written then.
//
// Shows large allocations, a merge sort, writing files.

#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_KEYS 16

typedef struct {
    const char *start, *end;
} Slice;

typedef struct {
    long from_field, to_field; // counted from 1; `to_field` is 0 for the end of the line
    bool numeric, reversed, has_options;
} Key;

static Key keys[MAX_KEYS];
static int key_count;
static Key whole = {.from_field = 1};
static bool unique;

static _Noreturn void fail(const char *what, const char *why) {
    fprintf(stderr, "sort: %s: %s\n", what, why);
    exit(2);
}

static void *must(void *allocated) {
    if (allocated == NULL) {
        fail("out of memory", "use smaller files");
    }
    return allocated;
}

static bool is_blank(char byte) {
    return byte == ' ' || byte == '\t';
}

static bool is_digit(char byte) {
    return byte >= '0' && byte <= '9';
}

static const char *after_field(const char *at, const char *end) {
    while (at < end && is_blank(*at)) {
        at++;
    }
    while (at < end && !is_blank(*at)) {
        at++;
    }
    return at;
}

static Slice key_of(Slice line, const Key *key) {
    Slice part = line;
    for (long field = 1; field < key->from_field; field++) {
        part.start = after_field(part.start, line.end);
    }
    if (key->to_field != 0) {
        part.end = part.start;
        for (long field = key->from_field; field <= key->to_field; field++) {
            part.end = after_field(part.end, line.end);
        }
    }
    return part;
}

static int compare_bytes(Slice a, Slice b) {
    size_t a_length = (size_t)(a.end - a.start), b_length = (size_t)(b.end - b.start);
    int order = memcmp(a.start, b.start, a_length < b_length ? a_length : b_length);
    return order != 0 ? order : (a_length > b_length) - (a_length < b_length);
}

typedef struct {
    bool negative;
    Slice whole, fraction; // without leading and trailing zeros
} Number;

static Number parse_number(Slice text) {
    const char *at = text.start;
    while (at < text.end && is_blank(*at)) {
        at++;
    }
    Number number = {.negative = at < text.end && *at == '-'};
    at += number.negative;
    while (at < text.end && *at == '0') {
        at++;
    }
    number.whole.start = at;
    while (at < text.end && is_digit(*at)) {
        at++;
    }
    number.whole.end = at;
    number.fraction.start = number.fraction.end = at;
    if (at < text.end && *at == '.') {
        number.fraction.start = ++at;
        while (at < text.end && is_digit(*at)) {
            at++;
        }
        while (at > number.fraction.start && at[-1] == '0') {
            at--;
        }
        number.fraction.end = at;
    }
    bool is_zero = number.whole.start == number.whole.end && number.fraction.start == number.fraction.end;
    number.negative = number.negative && !is_zero;
    return number;
}

static int compare_numbers(Slice a_text, Slice b_text) {
    Number a = parse_number(a_text), b = parse_number(b_text);
    if (a.negative != b.negative) {
        return a.negative ? -1 : 1;
    }
    long longer = (long)(a.whole.end - a.whole.start) - (long)(b.whole.end - b.whole.start);
    int order = longer != 0 ? (longer > 0) - (longer < 0) : compare_bytes(a.whole, b.whole);
    if (order == 0) {
        order = compare_bytes(a.fraction, b.fraction);
    }
    return a.negative ? -order : order;
}

static int compare(Slice a, Slice b) {
    for (int i = 0; i < key_count; i++) {
        const Key *key = &keys[i];
        Slice a_key = key_of(a, key), b_key = key_of(b, key);
        int order = key->numeric ? compare_numbers(a_key, b_key) : compare_bytes(a_key, b_key);
        if (order != 0) {
            return key->reversed ? -order : order;
        }
    }
    if (unique) {
        return 0;
    }
    int order = compare_bytes(a, b);
    return whole.reversed ? -order : order;
}

// Sorts `lines` by merging halves, which keeps the order of equal lines. `spare` has room for as many.
static void merge_sort(Slice *lines, Slice *spare, size_t count) {
    if (count < 2) {
        return;
    }
    size_t half = count / 2;
    merge_sort(lines, spare, half);
    merge_sort(lines + half, spare, count - half);
    memcpy(spare, lines, half * sizeof *lines);
    for (size_t left = 0, right = half, to = 0; left < half; to++) {
        bool take_right = right < count && compare(spare[left], lines[right]) > 0;
        lines[to] = take_right ? lines[right++] : spare[left++];
    }
}

static char *text;
static size_t text_length, text_capacity;

static void read_all(const char *name) {
    bool is_stdin = strcmp(name, "-") == 0;
    int file = is_stdin ? STDIN_FILENO : open(name, O_RDONLY);
    struct stat status;
    if (file >= 0 && fstat(file, &status) == 0 && S_ISDIR(status.st_mode)) {
        fail(name, strerror(EISDIR));
    }
    ssize_t length = file < 0 ? -1 : 1;
    while (length > 0) {
        if (text_capacity - text_length < 16384) {
            text_capacity = text_capacity * 2 + 65536;
            text = must(realloc(text, text_capacity));
        }
        // One byte is kept for the newline that the last line may lack.
        length = read(file, text + text_length, text_capacity - text_length - 1);
        text_length += length > 0 ? (size_t)length : 0;
    }
    if (length < 0) {
        fail(name, strerror(errno));
    }
    if (text_length > 0 && text[text_length - 1] != '\n') {
        text[text_length++] = '\n';
    }
    if (!is_stdin) {
        close(file);
    }
}

static void add_key(const char *argument) {
    if (key_count == MAX_KEYS) {
        fail(argument, "too many keys");
    }
    char *at;
    Key key = {.from_field = strtol(argument, &at, 10)};
    if (*at == ',') {
        key.to_field = strtol(at + 1, &at, 10);
        if (key.to_field < 1) {
            fail(argument, "a key is F or F,G with fields from 1 on");
        }
    }
    for (; *at == 'n' || *at == 'r'; at++) {
        *(*at == 'n' ? &key.numeric : &key.reversed) = true;
        key.has_options = true;
    }
    if (*at != 0 || key.from_field < 1) {
        fail(argument, "a key is F or F,G with fields from 1 on");
    }
    keys[key_count++] = key;
}

int main(int argc, char **argv) {
    const char *output = NULL;
    opterr = 0;
    for (int option; (option = getopt(argc, argv, "nruk:o:")) != -1;) {
        switch (option) {
        case 'n': whole.numeric = true; break;
        case 'r': whole.reversed = true; break;
        case 'u': unique = true; break;
        case 'k': add_key(optarg); break;
        case 'o': output = optarg; break;
        default: fail((char[]){'-', (char)optopt, 0}, "usage: sort [-nru] [-k KEY]... [-o FILE] [FILE...]");
        }
    }
    if (key_count == 0) {
        keys[key_count++] = whole;
    }
    for (int i = 0; i < key_count; i++) {
        if (!keys[i].has_options) {
            keys[i].numeric = whole.numeric;
            keys[i].reversed = whole.reversed;
        }
    }
    if (optind == argc) {
        read_all("-");
    }
    for (int i = optind; i < argc; i++) {
        read_all(argv[i]);
    }

    size_t count = 0;
    for (size_t i = 0; i < text_length; i++) {
        count += text[i] == '\n';
    }
    Slice *lines = must(malloc((count + 1) * sizeof *lines));
    Slice *spare = must(malloc((count / 2 + 1) * sizeof *spare));
    const char *at = text;
    for (size_t i = 0; i < count; i++) {
        const char *newline = memchr(at, '\n', (size_t)(text + text_length - at));
        lines[i] = (Slice){at, newline};
        at = newline + 1;
    }
    merge_sort(lines, spare, count);

    FILE *file = output == NULL ? stdout : fopen(output, "w");
    if (file == NULL) {
        fail(output, strerror(errno));
    }
    size_t kept = 0; // of those written, the last
    for (size_t i = 0; i < count; i++) {
        if (!unique || i == 0 || compare(lines[kept], lines[i]) != 0) {
            fwrite(lines[i].start, 1, (size_t)(lines[i].end + 1 - lines[i].start), file);
            kept = i;
        }
    }
    if (ferror(file) || fclose(file) != 0) {
        fail(output == NULL ? "standard output" : output, strerror(errno));
    }
    return 0;
}
