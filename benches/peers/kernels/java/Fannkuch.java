final class Fannkuch {
    private static final int[] p = new int[16], q = new int[16], cnt = new int[16];

    static long run(long nn) {
        int n = (int) nn, maxflips = 0, sum = 0, idx = 0, r = n;
        for (int i = 0; i < n; i++) p[i] = i;
        for (;;) {
            while (r > 1) {
                cnt[r - 1] = r;
                r--;
            }
            int first = p[0];
            if (first != 0) {
                int flips = 0;
                for (int i = 0; i < n; i++) q[i] = p[i];
                do {
                    int lo = 0, hi = first;
                    while (lo < hi) {
                        int t = q[lo];
                        q[lo] = q[hi];
                        q[hi] = t;
                        lo++;
                        hi--;
                    }
                    flips++;
                    first = q[0];
                } while (first != 0);
                if (flips > maxflips) maxflips = flips;
                if (idx % 2 == 0) sum += flips;
                else sum -= flips;
            }
            for (;;) {
                if (r == n) return (long) sum * 100 + maxflips;
                int t = p[0];
                for (int i = 0; i < r; i++) p[i] = p[i + 1];
                p[r] = t;
                cnt[r]--;
                if (cnt[r] > 0) break;
                r++;
            }
            idx++;
        }
    }
}
