final class Sha {
    private static final int[] k = new int[64], w = new int[64], h = new int[8];

    private static int rotr(int x, int s) {
        return x >>> s | x << (32 - s);
    }

    static long run(long n) {
        int x = 0x12345678;
        for (int i = 0; i < 64; i++) {
            x ^= x << 13;
            x ^= x >>> 17;
            x ^= x << 5;
            k[i] = x;
        }
        for (int i = 0; i < 8; i++) h[i] = k[i] ^ 0x5a5a5a5a;
        for (int blk = 0; blk < (int) n; blk++) {
            for (int i = 0; i < 16; i++) w[i] = h[i & 7] + blk + i;
            for (int i = 16; i < 64; i++) {
                int s0 = rotr(w[i - 15], 7) ^ rotr(w[i - 15], 18) ^ w[i - 15] >>> 3;
                int s1 = rotr(w[i - 2], 17) ^ rotr(w[i - 2], 19) ^ w[i - 2] >>> 10;
                w[i] = w[i - 16] + s0 + w[i - 7] + s1;
            }
            int a = h[0], b = h[1], c = h[2], d = h[3], e = h[4], f = h[5], g = h[6], hh = h[7];
            for (int i = 0; i < 64; i++) {
                int s1 = rotr(e, 6) ^ rotr(e, 11) ^ rotr(e, 25);
                int ch = (e & f) ^ (~e & g);
                int t1 = hh + s1 + ch + k[i] + w[i];
                int s0 = rotr(a, 2) ^ rotr(a, 13) ^ rotr(a, 22);
                int mj = (a & b) ^ (a & c) ^ (b & c);
                int t2 = s0 + mj;
                hh = g;
                g = f;
                f = e;
                e = d + t1;
                d = c;
                c = b;
                b = a;
                a = t1 + t2;
            }
            h[0] += a;
            h[1] += b;
            h[2] += c;
            h[3] += d;
            h[4] += e;
            h[5] += f;
            h[6] += g;
            h[7] += hh;
        }
        int r = 0;
        for (int i = 0; i < 8; i++) r ^= h[i];
        return Integer.toUnsignedLong(r);
    }
}
