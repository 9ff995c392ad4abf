// Calculates in reverse Polish notation: the arguments `3 4 + 2 x` give 14. Operators are + - x / on 64-bit integers;
// division by zero traps.
//
//     clang --target=wasm32 -O2 -nostdlib -Wl,--no-entry rpn.c -o rpn.wasm
//
// Exports `main` by its attribute, and the memory, as the linker does by itself.

#include <stdbool.h>

#include "env.h"

#define MAX_DEPTH 64
#define MAX_LENGTH 32

static int64_t stack[MAX_DEPTH];
static int depth;

static _Noreturn void fail(const char *message) {
    size_t length = 0;
    while (message[length] != 0) {
        length++;
    }
    eprint("rpn: ", 5);
    eprint(message, length);
    eprint("\n", 1);
    exit_with(2);
}

static void push(int64_t value) {
    if (depth == MAX_DEPTH) {
        fail("too many numbers");
    }
    stack[depth++] = value;
}

static int64_t pop(void) {
    if (depth == 0) {
        fail("an operator lacks its numbers");
    }
    return stack[--depth];
}

static bool is_number(const char *word, int length) {
    int start = length > 1 && word[0] == '-';
    for (int i = start; i < length; i++) {
        if (word[i] < '0' || word[i] > '9') {
            return false;
        }
    }
    return length > 0;
}

static int64_t number(const char *word, int length) {
    uint64_t value = 0;
    for (int i = word[0] == '-'; i < length; i++) {
        value = value * 10 + (uint64_t)(word[i] - '0');
    }
    return word[0] == '-' ? -value : value;
}

// Functions of their own, so that backtraces show them.
__attribute__((noinline)) static int64_t divide(int64_t a, int64_t b) {
    return a / b;
}

__attribute__((noinline)) static void apply(char operator) {
    int64_t b = pop(), a = pop();
    switch (operator) {
    case '+': push(a + b); break;
    case '-': push(a - b); break;
    case 'x': push(a * b); break;
    case '/': push(divide(a, b)); break;
    default: fail("there are the operators + - x /");
    }
}

__attribute__((export_name("main"))) void calculate(void) {
    char word[MAX_LENGTH];
    for (int i = 0; i < arg_count(); i++) {
        int length = arg_len(i);
        if (length > MAX_LENGTH) {
            fail("a word is too long");
        }
        arg_copy(i, word, sizeof word);
        if (is_number(word, length)) {
            push(number(word, length));
        } else if (length == 1) {
            apply(word[0]);
        } else {
            fail("there are numbers and the operators + - x /");
        }
    }
    if (depth != 1) {
        fail("one number must be left");
    }
    print_i64(pop());
    print("\n", 1);
}
