/* Calls a kernel as machine code: NAME N CALLS. Prints `RESULT NANOSECONDS` for each call. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

long long run(long long n);

static long long now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

int main(int argc, char **argv) {
    if (argc != 3) return 2;
    long long n = atoll(argv[1]);
    for (int calls = atoi(argv[2]); calls > 0; calls--) {
        long long start = now();
        long long result = run(n);
        long long time = now() - start;
        printf("%lld %lld\n", result, time);
    }
    return 0;
}
