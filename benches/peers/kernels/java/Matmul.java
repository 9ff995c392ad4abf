final class Matmul {
    private static final int MAX = 1024;
    private static final double[] a = new double[MAX * MAX], b = new double[MAX * MAX], c = new double[MAX * MAX];

    static long run(long nn) {
        int n = (int) nn;
        for (int i = 0; i < n; i++) {
            for (int j = 0; j < n; j++) {
                a[i * n + j] = (i * 3 + j * 7) % 11 * 0.5 + 0.1;
                b[i * n + j] = (i * 5 + j * 2) % 13 * 0.25 - 1.3;
            }
        }
        for (int i = 0; i < n; i++) {
            for (int j = 0; j < n; j++) {
                double s = 0.0;
                for (int k = 0; k < n; k++) s = s + a[i * n + k] * b[k * n + j];
                c[i * n + j] = s;
            }
        }
        double t = 0.0;
        for (int i = 0; i < n * n; i++) t = t + c[i] * (i % 7);
        return (long) (t * 1000.0);
    }
}
