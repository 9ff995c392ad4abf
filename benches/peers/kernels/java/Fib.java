final class Fib {
    private static int fib(int n) {
        return n < 2 ? n : fib(n - 1) + fib(n - 2);
    }

    static long run(long n) {
        return fib((int) n);
    }
}
