final class Sieve {
    private static final int LIM = 262144;
    private static final byte[] f = new byte[LIM];

    static long run(long n) {
        long total = 0;
        for (int r = 0; r < (int) n; r++) {
            for (int i = 0; i < LIM; i++) f[i] = 1;
            int count = 0;
            for (int i = 2; i < LIM; i++) {
                if (f[i] != 0) {
                    count++;
                    for (int j = i + i; j < LIM; j += i) f[j] = 0;
                }
            }
            total += count + r % 3;
        }
        return total;
    }
}
