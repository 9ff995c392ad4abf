// Calculates, line by line: `calc < FILE`. A line is an expression, whose value is printed, or `NAME = EXPRESSION`, or
// empty; `#` starts a comment.
//
//     + - * / % ^ ( )     % is the remainder with the sign of the dividend, ^ a power: 2^3^2 is 2^9, -2^2 is -4
//     pi e                constants
//     ans                 the value that was calculated last
//     sqrt cbrt exp ln log sin cos tan atan abs floor ceil round fact, and with two arguments min max hypot
//     abort               ends the program by `abort`, to show what a backtrace looks like
//
// The environment variable DIGITS tells how many significant digits are printed (1 to 17, otherwise 12).
//
// An error is told with its line and column, and the next line goes on. Exit status: 0, or 1 if there were errors, or 2
// for wrong arguments.
//
// Shows the mathematical library, the environment, calls through pointers. It is built with debug information.

#define _XOPEN_SOURCE 700

#include <ctype.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_VARIABLES 100
#define MAX_NAME 31
#define MAX_DEPTH 200

typedef struct {
    char text[MAX_NAME + 1];
} Name;

typedef struct {
    Name name;
    double value;
} Variable;

// The first ones are not for the user to assign.
enum { PI, E, ANS, RESERVED };
static Variable variables[MAX_VARIABLES] = {{{"pi"}, M_PI}, {{"e"}, M_E}, {{"ans"}, 0}};
static int variable_count = RESERVED;

static long line_number;
static const char *line, *at;
static int depth;
static bool line_failed, failed;

// Reports the first error of a line. What is calculated afterwards is not used.
static double error_at(const char *place, const char *message) {
    if (!line_failed) {
        fflush(stdout);
        fprintf(stderr, "calc: line %ld, column %d: %s\n", line_number, (int)(place - line) + 1, message);
    }
    line_failed = failed = true;
    return 0;
}

static double checked(double value, const char *place) {
    if (isnan(value)) {
        return error_at(place, "not defined for this value");
    }
    return isinf(value) ? error_at(place, "the result is too large") : value;
}

static double fact(double n) {
    if (n < 0 || n != floor(n)) {
        return NAN;
    }
    return n > 170 ? INFINITY : n < 2 ? 1 : n * fact(n - 1);
}

typedef struct {
    const char *name;
    double (*unary)(double);
    double (*binary)(double, double);
} Function;

static const Function functions[] = {
    {"sqrt", sqrt, NULL}, {"cbrt", cbrt, NULL},   {"exp", exp, NULL},  {"ln", log, NULL},   {"log", log10, NULL},
    {"sin", sin, NULL},   {"cos", cos, NULL},     {"tan", tan, NULL},  {"atan", atan, NULL}, {"abs", fabs, NULL},
    {"floor", floor, NULL}, {"ceil", ceil, NULL}, {"round", round, NULL}, {"fact", fact, NULL},
    {"min", NULL, fmin},  {"max", NULL, fmax},    {"hypot", NULL, hypot},
};

static const Function *find_function(Name name) {
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        if (strcmp(functions[i].name, name.text) == 0) {
            return &functions[i];
        }
    }
    return NULL;
}

static Variable *find_variable(Name name) {
    for (int i = 0; i < variable_count; i++) {
        if (strcmp(variables[i].name.text, name.text) == 0) {
            return &variables[i];
        }
    }
    return NULL;
}

static void skip_blanks(void) {
    while (*at == ' ' || *at == '\t') {
        at++;
    }
    if (*at == '#') {
        at += strlen(at);
    }
}

static bool take(char symbol) {
    skip_blanks();
    bool taken = *at == symbol;
    at += taken;
    return taken;
}

static Name take_name(void) {
    Name name = {{0}};
    const char *start = at;
    for (int length = 0; isalnum((unsigned char)*at) || *at == '_'; at++, length++) {
        if (length == MAX_NAME) {
            error_at(start, "a name of more than 31 characters");
            break;
        }
        name.text[length] = *at;
    }
    return name;
}

static double sum(void);

static double call(const Function *function, const char *place) {
    double first = sum();
    double second = 0;
    if (function->binary != NULL) {
        if (!take(',')) {
            return error_at(at, "expected , and a second argument");
        }
        second = sum();
    }
    if (!take(')')) {
        return error_at(at, "expected ) after the arguments");
    }
    double value = function->binary != NULL ? function->binary(first, second) : function->unary(first);
    return line_failed ? 0 : checked(value, place);
}

static double primary(void) {
    skip_blanks();
    const char *start = at;
    if (take('(')) {
        double value = sum();
        return take(')') ? value : error_at(at, "expected )");
    }
    if (isdigit((unsigned char)*at) || (*at == '.' && isdigit((unsigned char)at[1]))) {
        char *end;
        double value = strtod(at, &end);
        at = end;
        return checked(value, start);
    }
    if (isalpha((unsigned char)*at) || *at == '_') {
        Name name = take_name();
        const Function *function = find_function(name);
        if (function != NULL) {
            return take('(') ? call(function, start) : error_at(at, "expected ( after the name of a function");
        }
        if (strcmp(name.text, "abort") == 0) {
            fflush(stdout);
            abort();
        }
        const Variable *variable = find_variable(name);
        return variable != NULL ? variable->value : error_at(start, "no such variable or function");
    }
    return error_at(start, *at == 0 ? "the line ends where a number is expected" : "expected a number");
}

static double unary(void) {
    if (depth == MAX_DEPTH) {
        return error_at(at, "nested too deeply");
    }
    depth++;
    double value;
    if (take('-')) {
        value = -unary();
    } else {
        value = primary();
        skip_blanks();
        const char *place = at;
        if (take('^')) {
            value = checked(pow(value, unary()), place);
        }
    }
    depth--;
    return value;
}

static double product(void) {
    double value = unary();
    for (;;) {
        skip_blanks();
        const char *place = at;
        if (take('*')) {
            value = checked(value * unary(), place);
        } else if (*at == '/' || *at == '%') {
            bool is_division = *at++ == '/';
            double divisor = unary();
            if (divisor == 0) {
                return error_at(place, "division by zero");
            }
            value = checked(is_division ? value / divisor : fmod(value, divisor), place);
        } else {
            return value;
        }
    }
}

static double sum(void) {
    double value = product();
    for (;;) {
        skip_blanks();
        const char *place = at;
        if (take('+')) {
            value = checked(value + product(), place);
        } else if (take('-')) {
            value = checked(value - product(), place);
        } else {
            return value;
        }
    }
}

static bool is_taken(Name name) {
    const Variable *variable = find_variable(name);
    bool is_reserved = variable != NULL && variable < variables + RESERVED;
    return is_reserved || find_function(name) != NULL || strcmp(name.text, "abort") == 0;
}

static void assign(Name name, double value, const char *place) {
    Variable *variable = find_variable(name);
    if (variable == NULL) {
        if (variable_count == MAX_VARIABLES) {
            error_at(place, "too many variables");
            return;
        }
        variable = &variables[variable_count++];
        variable->name = name;
    }
    variable->value = value;
}

static void calculate(int digits) {
    skip_blanks();
    const char *start = at;
    if (*at == 0) {
        return;
    }
    Name target = {{0}};
    if (isalpha((unsigned char)*at) || *at == '_') {
        target = take_name();
        if (!take('=')) {
            at = start;
            target.text[0] = 0;
        } else if (is_taken(target)) {
            error_at(start, "this name is taken");
        }
    }
    double value = sum();
    skip_blanks();
    if (*at != 0) {
        error_at(at, "expected an operator");
    }
    if (line_failed) {
        return;
    }
    if (target.text[0] != 0) {
        assign(target, value, start);
    } else {
        printf("%.*g\n", digits, value);
        variables[ANS].value = value;
    }
}

int main(int argc, char **argv) {
    if (argc > 1) {
        fprintf(stderr, "calc: %s: takes no arguments\nusage: calc < FILE\n", argv[1]);
        return 2;
    }
    const char *wanted = getenv("DIGITS");
    int digits = wanted != NULL ? atoi(wanted) : 12;
    if (digits < 1 || digits > 17) {
        fprintf(stderr, "calc: DIGITS=%s: takes 1 to 17\n", wanted);
        return 2;
    }
    char *buffer = NULL;
    size_t capacity = 0;
    for (ssize_t length; (length = getline(&buffer, &capacity, stdin)) >= 0;) {
        if (length > 0 && buffer[length - 1] == '\n') {
            buffer[length - 1] = 0;
        }
        line_number++;
        line = at = buffer;
        depth = 0;
        line_failed = false;
        calculate(digits);
    }
    free(buffer);
    if (fflush(stdout) != 0) {
        fprintf(stderr, "calc: standard output cannot be written\n");
        return 2;
    }
    return failed ? 1 : 0;
}
