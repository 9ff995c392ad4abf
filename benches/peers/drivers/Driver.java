import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;

/** Calls a kernel in a Java virtual machine: CLASS N CALLS. Prints {@code RESULT NANOSECONDS} for each call. */
final class Driver {
    public static void main(String[] args) throws Throwable {
        var type = MethodType.methodType(long.class, long.class);
        var run = MethodHandles.lookup().findStatic(Class.forName(args[0]), "run", type);
        long n = Long.parseLong(args[1]);
        for (int calls = Integer.parseInt(args[2]); calls > 0; calls--) {
            long start = System.nanoTime();
            long result = (long) run.invokeExact(n);
            long time = System.nanoTime() - start;
            System.out.println(result + " " + time);
        }
    }
}
