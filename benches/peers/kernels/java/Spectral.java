final class Spectral {
    private static final int MAX = 4096;
    private static final double[] u = new double[MAX], v = new double[MAX], t = new double[MAX];

    private static double a(int i, int j) {
        return 1.0 / ((i + j) * (i + j + 1) / 2 + i + 1);
    }

    private static void mulav(int n, double[] x, double[] y) {
        for (int i = 0; i < n; i++) {
            double s = 0.0;
            for (int j = 0; j < n; j++) s = s + a(i, j) * x[j];
            y[i] = s;
        }
    }

    private static void mulatv(int n, double[] x, double[] y) {
        for (int i = 0; i < n; i++) {
            double s = 0.0;
            for (int j = 0; j < n; j++) s = s + a(j, i) * x[j];
            y[i] = s;
        }
    }

    static long run(long nn) {
        int n = (int) nn;
        for (int i = 0; i < n; i++) u[i] = 1.0;
        for (int r = 0; r < 10; r++) {
            mulav(n, u, t);
            mulatv(n, t, v);
            mulav(n, v, t);
            mulatv(n, t, u);
        }
        double vbv = 0.0, vv = 0.0;
        for (int i = 0; i < n; i++) {
            vbv = vbv + u[i] * v[i];
            vv = vv + v[i] * v[i];
        }
        return (long) (Math.sqrt(vbv / vv) * 1000000000.0);
    }
}
