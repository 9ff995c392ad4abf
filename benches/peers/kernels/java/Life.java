final class Life {
    private static final int W = 256;
    private static final byte[] g = new byte[W * W], h = new byte[W * W];

    static long run(long n) {
        int s = 42, alive = 0;
        for (int i = 0; i < W * W; i++) {
            s = (s * 3877 + 29573) % 139968;
            g[i] = (byte) (s < 46656 ? 1 : 0);
        }
        for (int r = 0; r < (int) n; r++) {
            for (int y = 0; y < W; y++) {
                int u = (y + W - 1) % W * W, m = y * W, d = (y + 1) % W * W;
                for (int x = 0; x < W; x++) {
                    int l = (x + W - 1) % W, e = (x + 1) % W;
                    int c = g[u + l] + g[u + x] + g[u + e] + g[m + l] + g[m + e] + g[d + l] + g[d + x] + g[d + e];
                    if (c == 3 || (c == 2 && g[m + x] != 0)) h[m + x] = 1;
                    else h[m + x] = 0;
                }
            }
            for (int i = 0; i < W * W; i++) g[i] = h[i];
        }
        for (int i = 0; i < W * W; i++) alive = (alive * 2 + g[i]) % 1000003;
        return alive;
    }
}
