final class Nbody {
    private static final int B = 5;
    private static final double[] px = new double[B], py = new double[B], pz = new double[B];
    private static final double[] vx = new double[B], vy = new double[B], vz = new double[B];
    private static final double[] ms = new double[B];

    private static double energy() {
        double e = 0.0;
        for (int i = 0; i < B; i++) {
            e = e + 0.5 * ms[i] * (vx[i] * vx[i] + vy[i] * vy[i] + vz[i] * vz[i]);
            for (int j = i + 1; j < B; j++) {
                double dx = px[i] - px[j], dy = py[i] - py[j], dz = pz[i] - pz[j];
                e = e - ms[i] * ms[j] / Math.sqrt(dx * dx + dy * dy + dz * dz);
            }
        }
        return e;
    }

    private static void step(double dt) {
        for (int i = 0; i < B; i++) {
            for (int j = i + 1; j < B; j++) {
                double dx = px[i] - px[j], dy = py[i] - py[j], dz = pz[i] - pz[j];
                double d2 = dx * dx + dy * dy + dz * dz + 0.01;
                double mag = dt / (d2 * Math.sqrt(d2));
                double mj = ms[j] * mag, mi = ms[i] * mag;
                vx[i] = vx[i] - dx * mj;
                vy[i] = vy[i] - dy * mj;
                vz[i] = vz[i] - dz * mj;
                vx[j] = vx[j] + dx * mi;
                vy[j] = vy[j] + dy * mi;
                vz[j] = vz[j] + dz * mi;
            }
        }
        for (int i = 0; i < B; i++) {
            px[i] = px[i] + dt * vx[i];
            py[i] = py[i] + dt * vy[i];
            pz[i] = pz[i] + dt * vz[i];
        }
    }

    static long run(long n) {
        for (int i = 0; i < B; i++) {
            px[i] = 2.5 * i;
            py[i] = 1.25 * (i * i % 3);
            pz[i] = 0.5 - 0.25 * i;
            vx[i] = 0.0;
            vy[i] = i == 0 ? 0.0 : 3.0 / (i + 1);
            vz[i] = 0.0625 * i;
            ms[i] = i == 0 ? 40.0 : 0.5 / i;
        }
        double e0 = energy();
        for (int s = 0; s < (int) n; s++) step(0.001);
        double e1 = energy();
        return (long) (e0 * 1000000.0) + (long) (e1 * 1000000000.0);
    }
}
