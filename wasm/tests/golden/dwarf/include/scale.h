__attribute__((noinline)) static int scale(int value, int factor) {
    if (value > 1000) {
        __builtin_trap();
    }
    return value * factor + 1;
}
