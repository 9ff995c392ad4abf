// The host module `env` of the command `strata`, for C. `strata run --help` tells what the functions do.

#ifndef STRATA_ENV_H
#define STRATA_ENV_H

#include <stddef.h>
#include <stdint.h>

#define ENV(name) __attribute__((import_module("env"), import_name(#name)))

ENV(print_i32) void print_i32(int32_t value);
ENV(print_i64) void print_i64(int64_t value);
ENV(print_f32) void print_f32(float value);
ENV(print_f64) void print_f64(double value);
ENV(print_f64_fixed) void print_f64_fixed(double value, int32_t decimals);
ENV(print_char) void print_char(uint32_t code_point);
ENV(print) void print(const void *bytes, size_t length);
ENV(eprint) void eprint(const void *bytes, size_t length);
ENV(read) int32_t read_input(void *into, size_t length);
ENV(arg_count) int32_t arg_count(void);
ENV(arg_len) int32_t arg_len(int32_t index);
ENV(arg_copy) int32_t arg_copy(int32_t index, void *into, size_t length);
ENV(clock_ns) int64_t clock_ns(void);
ENV(exit) _Noreturn void exit_with(int32_t status);

#endif
