// Reads JSON (RFC 8259) and prints it anew: `json [--indent N] [--sort-keys] [--minify] [FILE]`; without a file, or where
// it is `-`, it reads standard input.
//
//     --indent N   indents by N spaces (0 to 16) for each level; otherwise 2
//     --sort-keys  puts the members of objects into the order of their names, by code points; equal ones stay in order
//     --minify     prints no space at all
//
// Numbers are printed as they were written. Strings are printed with the fewest escapes. Errors are told by line and column
// (in bytes), and nothing is printed then: invalid UTF-8 and lone surrogates are errors, names that come twice are not.
//
// Exit status: 0, or 1 for text that is not JSON, or 2 for other errors.
//
// Shows trees of small allocations, recursion, strings.

#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_DEPTH 1000

typedef struct {
    char *bytes;
    size_t length, capacity;
} Text;

typedef enum { LITERAL, STRING, ARRAY, OBJECT } Kind;

// The elements of an array, or the members of an object with their names, are a list.
typedef struct Value {
    Kind kind;
    Text text; // of literals, numbers among them, as they were written; of strings, decoded
    Text name;
    struct Value *first, *next;
    size_t count;
} Value;

static const char *input, *at, *input_end;
static const char *source = "standard input";
static bool minify, sort_keys;
static long indent = 2;

static _Noreturn void fail(const char *what, const char *why) {
    fprintf(stderr, "json: %s: %s\n", what, why);
    exit(2);
}

static void *must(void *allocated) {
    if (allocated == NULL) {
        fail(source, "out of memory");
    }
    return allocated;
}

static _Noreturn void fail_at(const char *place, const char *message) {
    size_t line = 1;
    const char *start = input;
    for (const char *c = input; c < place; c++) {
        if (*c == '\n') {
            line++;
            start = c + 1;
        }
    }
    fprintf(stderr, "json: %s:%zu:%zu: %s\n", source, line, (size_t)(place - start) + 1, message);
    exit(1);
}

static void append(Text *text, char byte) {
    if (text->length == text->capacity) {
        text->capacity = text->capacity * 2 + 16;
        text->bytes = must(realloc(text->bytes, text->capacity));
    }
    text->bytes[text->length++] = byte;
}

static void append_code_point(Text *text, uint32_t code) {
    if (code < 0x80) {
        append(text, (char)code);
        return;
    }
    static const unsigned char leads[] = {0, 0xc0, 0xe0, 0xf0};
    int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    append(text, (char)(leads[more] | code >> 6 * more));
    while (more-- > 0) {
        append(text, (char)(0x80 | (code >> 6 * more & 0x3f)));
    }
}

// Parsing.

static void skip_space(void) {
    while (at < input_end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r')) {
        at++;
    }
}

static bool take(char byte) {
    bool taken = at < input_end && *at == byte;
    at += taken;
    return taken;
}

static bool take_digits(void) {
    const char *start = at;
    while (at < input_end && *at >= '0' && *at <= '9') {
        at++;
    }
    return at > start;
}

// Takes a sequence of UTF-8 of several bytes as it is.
static void take_utf8(Text *text) {
    unsigned char lead = (unsigned char)*at;
    int more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
    bool valid = lead >= 0xc2 && lead <= 0xf4 && input_end - at > more;
    for (int i = 1; valid && i <= more; i++) {
        unsigned char byte = (unsigned char)at[i];
        unsigned char least = i == 1 && lead == 0xe0 ? 0xa0 : i == 1 && lead == 0xf0 ? 0x90 : 0x80;
        unsigned char most = i == 1 && lead == 0xed ? 0x9f : i == 1 && lead == 0xf4 ? 0x8f : 0xbf;
        valid = byte >= least && byte <= most;
    }
    if (!valid) {
        fail_at(at, "invalid UTF-8");
    }
    for (int i = 0; i <= more; i++) {
        append(text, *at++);
    }
}

static uint32_t parse_hex4(const char *escape) {
    uint32_t code = 0;
    for (int i = 0; i < 4; i++, at++) {
        static const char digits[] = "0123456789abcdefABCDEF";
        const char *digit = at < input_end && *at != 0 ? strchr(digits, *at) : NULL;
        if (digit == NULL) {
            fail_at(escape, "\\u needs four hexadecimal digits");
        }
        uint32_t value = (uint32_t)(digit - digits);
        code = code * 16 + (value < 16 ? value : value - 6);
    }
    return code;
}

static void parse_escape(Text *text) {
    const char *escape = at++;
    static const char letters[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    const char *letter = at < input_end && *at != 0 ? strchr(letters, *at) : NULL;
    if (letter != NULL) {
        append(text, meant[letter - letters]);
        at++;
        return;
    }
    if (!take('u')) {
        fail_at(escape, "no such escape");
    }
    uint32_t code = parse_hex4(escape);
    if (code >= 0xd800 && code < 0xdc00 && input_end - at >= 2 && at[0] == '\\' && at[1] == 'u') {
        at += 2;
        uint32_t low = parse_hex4(escape);
        if (low < 0xdc00 || low > 0xdfff) {
            fail_at(escape, "half of a surrogate pair");
        }
        code = 0x10000 + (code - 0xd800) * 0x400 + (low - 0xdc00);
    } else if (code >= 0xd800 && code <= 0xdfff) {
        fail_at(escape, "half of a surrogate pair");
    }
    append_code_point(text, code);
}

static Text parse_string(void) {
    const char *quote = at++;
    Text text = {0};
    while (!take('"')) {
        if (at == input_end) {
            fail_at(quote, "a string without end");
        }
        unsigned char byte = (unsigned char)*at;
        if (byte < 0x20) {
            fail_at(at, "a control character in a string: write it as an escape");
        } else if (byte == '\\') {
            parse_escape(&text);
        } else if (byte >= 0x80) {
            take_utf8(&text);
        } else {
            append(&text, *at++);
        }
    }
    return text;
}

static Text parse_literal(void) {
    const char *start = at;
    if (at == input_end) {
        fail_at(at, "the end where a value must be");
    }
    if (*at >= 'a' && *at <= 'z') {
        while (at < input_end && *at >= 'a' && *at <= 'z') {
            at++;
        }
        size_t length = (size_t)(at - start);
        if (!(length == 4 && (memcmp(start, "null", 4) == 0 || memcmp(start, "true", 4) == 0)) &&
            !(length == 5 && memcmp(start, "false", 5) == 0)) {
            fail_at(start, "no such literal");
        }
    } else {
        bool negative = take('-');
        if (!take('0') && !take_digits()) {
            fail_at(start, negative ? "a minus sign without digits" : "no value begins with this");
        }
        if (at < input_end && *at >= '0' && *at <= '9') {
            fail_at(start, "a number with a leading zero");
        }
        if (take('.') && !take_digits()) {
            fail_at(start, "a number without digits after its point");
        }
        if (take('e') || take('E')) {
            if (!take('+')) {
                take('-');
            }
            if (!take_digits()) {
                fail_at(start, "a number without digits in its exponent");
            }
        }
    }
    // The input outlives all values.
    return (Text){.bytes = (char *)start, .length = (size_t)(at - start)};
}

static Value *parse_value(int depth);

static void parse_list(Value *list, char close, int depth) {
    const char *open = at++;
    if (depth == MAX_DEPTH) {
        fail_at(open, "nested too deeply");
    }
    Value **last = &list->first;
    skip_space();
    for (bool ended = take(close); !ended; list->count++) {
        Text name = {0};
        if (list->kind == OBJECT) {
            if (at == input_end || *at != '"') {
                fail_at(at, "a member needs a name in quotes");
            }
            name = parse_string();
            skip_space();
            if (!take(':')) {
                fail_at(at, "expected : after the name of a member");
            }
        }
        *last = parse_value(depth + 1);
        (*last)->name = name;
        last = &(*last)->next;
        ended = take(close);
        if (!ended && !take(',')) {
            fail_at(at, list->kind == OBJECT ? "expected , or }" : "expected , or ]");
        }
        skip_space();
    }
}

// Parses a value and the space around it.
static Value *parse_value(int depth) {
    Value *value = must(calloc(1, sizeof *value));
    skip_space();
    char byte = at < input_end ? *at : 0;
    if (byte == '"') {
        value->kind = STRING;
        value->text = parse_string();
    } else if (byte == '[') {
        value->kind = ARRAY;
        parse_list(value, ']', depth);
    } else if (byte == '{') {
        value->kind = OBJECT;
        parse_list(value, '}', depth);
    } else {
        value->kind = LITERAL;
        value->text = parse_literal();
    }
    skip_space();
    return value;
}

// Printing.

static void print_string(Text text) {
    putchar('"');
    for (size_t i = 0; i < text.length; i++) {
        unsigned char byte = (unsigned char)text.bytes[i];
        static const char plain[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
        const char *special = byte != 0 ? strchr(plain, byte) : NULL;
        if (special != NULL) {
            printf("\\%c", letters[special - plain]);
        } else if (byte < 0x20) {
            printf("\\u%04x", byte);
        } else {
            putchar(byte);
        }
    }
    putchar('"');
}

static int compare(Text a, Text b) {
    size_t common = a.length < b.length ? a.length : b.length;
    int order = common > 0 ? memcmp(a.bytes, b.bytes, common) : 0;
    return order != 0 ? order : (a.length > b.length) - (a.length < b.length);
}

// Merges two sorted lists; of equal names, that of `a` comes first.
static Value *merge(Value *a, Value *b) {
    Value *merged = NULL, **last = &merged;
    while (a != NULL && b != NULL) {
        Value **less = compare(a->name, b->name) <= 0 ? &a : &b;
        *last = *less;
        last = &(*last)->next;
        *less = *last;
    }
    *last = a != NULL ? a : b;
    return merged;
}

static Value *sorted(Value *list, size_t count) {
    if (count < 2) {
        return list;
    }
    Value *middle = list;
    for (size_t i = 1; i < count / 2; i++) {
        middle = middle->next;
    }
    Value *rest = middle->next;
    middle->next = NULL;
    return merge(sorted(list, count / 2), sorted(rest, count - count / 2));
}

static void new_line(long depth) {
    if (!minify) {
        printf("\n%*s", (int)(depth * indent), "");
    }
}

static void print_value(Value *value, long depth) {
    switch (value->kind) {
    case LITERAL: fwrite(value->text.bytes, 1, value->text.length, stdout); return;
    case STRING: print_string(value->text); return;
    case ARRAY:
    case OBJECT: break;
    }
    bool is_object = value->kind == OBJECT;
    if (is_object && sort_keys) {
        value->first = sorted(value->first, value->count);
    }
    putchar(is_object ? '{' : '[');
    for (Value *item = value->first; item != NULL; item = item->next) {
        new_line(depth + 1);
        if (is_object) {
            print_string(item->name);
            fputs(minify ? ":" : ": ", stdout);
        }
        print_value(item, depth + 1);
        if (item->next != NULL) {
            putchar(',');
        }
    }
    if (value->first != NULL) {
        new_line(depth);
    }
    putchar(is_object ? '}' : ']');
}

int main(int argc, char **argv) {
    const char *path = "-";
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--minify") == 0) {
            minify = true;
        } else if (strcmp(argv[i], "--sort-keys") == 0) {
            sort_keys = true;
        } else if (strcmp(argv[i], "--indent") == 0 && i + 1 < argc) {
            char *end;
            indent = strtol(argv[++i], &end, 10);
            if (*end != 0 || end == argv[i] || indent < 0 || indent > 16) {
                fail(argv[i], "--indent takes a number from 0 to 16");
            }
        } else if (argv[i][0] == '-' && argv[i][1] != 0) {
            fail(argv[i], "usage: json [--indent N] [--sort-keys] [--minify] [FILE]");
        } else {
            path = argv[i];
        }
    }
    FILE *file = stdin;
    if (strcmp(path, "-") != 0) {
        source = path;
        file = fopen(path, "r");
    }
    if (file == NULL) {
        fail(source, strerror(errno));
    }
    Text text = {0};
    for (int byte; (byte = getc(file)) != EOF;) {
        append(&text, (char)byte);
    }
    if (ferror(file)) {
        fail(source, strerror(errno));
    }
    input = at = text.length > 0 ? text.bytes : "";
    input_end = input + text.length;

    Value *value = parse_value(0);
    if (at < input_end) {
        fail_at(at, "more text after the value");
    }
    print_value(value, 0);
    putchar('\n');
    if (fflush(stdout) != 0) {
        fail("standard output", strerror(errno));
    }
    return 0;
}
