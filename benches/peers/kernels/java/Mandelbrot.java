final class Mandelbrot {
    static long run(long nn) {
        int n = (int) nn;
        long total = 0;
        for (int y = 0; y < n; y++) {
            double ci = 2.0 * y / n - 1.0;
            for (int x = 0; x < n; x++) {
                double cr = 2.0 * x / n - 1.5;
                double zr = 0.0, zi = 0.0, r2 = 0.0, i2 = 0.0;
                int k = 0;
                while (k < 64 && r2 + i2 <= 4.0) {
                    zi = 2.0 * zr * zi + ci;
                    zr = r2 - i2 + cr;
                    r2 = zr * zr;
                    i2 = zi * zi;
                    k++;
                }
                total += k;
            }
        }
        return total;
    }
}
