final class Crc32 {
    private static final int LEN = 65536;
    private static final int[] tab = new int[256];
    private static final byte[] buf = new byte[LEN];

    static long run(long n) {
        for (int i = 0; i < 256; i++) {
            int c = i;
            for (int b = 0; b < 8; b++) c = (c & 1) != 0 ? c >>> 1 ^ 0xEDB88320 : c >>> 1;
            tab[i] = c;
        }
        int s = 42;
        for (int i = 0; i < LEN; i++) {
            s = (s * 3877 + 29573) % 139968;
            buf[i] = (byte) (s % 256);
        }
        int crc = 0xFFFFFFFF;
        for (int r = 0; r < (int) n; r++) {
            for (int i = 0; i < LEN; i++) crc = tab[(crc ^ buf[i]) & 255] ^ crc >>> 8;
        }
        return Integer.toUnsignedLong(~crc);
    }
}
