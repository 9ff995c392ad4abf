final class Collatz {
    static long run(long n) {
        long total = 0, best = 0, besti = 0;
        for (long i = 1; i < n; i++) {
            long x = i;
            int steps = 0;
            while (x != 1) {
                if ((x & 1) == 0) x = x >> 1;
                else x = 3 * x + 1;
                steps++;
            }
            total += steps;
            if (steps > best) {
                best = steps;
                besti = i;
            }
        }
        return total * 1000 + besti % 1000;
    }
}
