// Calls a kernel as WebAssembly: MODULE N CALLS. Prints `RESULT NANOSECONDS` for each call.
import { readFileSync } from "node:fs";

const [file, n, calls] = process.argv.slice(2);
const module = new WebAssembly.Module(readFileSync(file));
const { run } = new WebAssembly.Instance(module).exports;
for (let call = 0; call < Number(calls); call++) {
    const start = process.hrtime.bigint();
    const result = run(BigInt(n));
    const time = process.hrtime.bigint() - start;
    console.log(`${result} ${time}`);
}
