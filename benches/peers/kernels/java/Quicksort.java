final class Quicksort {
    private static final int LEN = 50000;
    private static final int[] a = new int[LEN];

    private static void sort(int lo, int hi) {
        while (lo < hi) {
            int pivot = a[lo + (hi - lo) / 2], i = lo, j = hi;
            while (i <= j) {
                while (a[i] < pivot) i++;
                while (a[j] > pivot) j--;
                if (i <= j) {
                    int t = a[i];
                    a[i] = a[j];
                    a[j] = t;
                    i++;
                    j--;
                }
            }
            if (j - lo < hi - i) {
                sort(lo, j);
                lo = i;
            } else {
                sort(i, hi);
                hi = j;
            }
        }
    }

    static long run(long n) {
        int s = 42, sum = 0;
        for (int r = 0; r < (int) n; r++) {
            for (int i = 0; i < LEN; i++) {
                s = (s * 3877 + 29573) % 139968;
                a[i] = s;
            }
            sort(0, LEN - 1);
            for (int i = 0; i < LEN; i += 97) sum = (sum * 31 + a[i]) % 1000003;
        }
        return sum;
    }
}
