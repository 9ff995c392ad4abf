// Compiles a WebAssembly module: MODULE TIMES. Prints `0 NANOSECONDS` for each time.
import { readFileSync } from "node:fs";

const [file, times] = process.argv.slice(2);
const bytes = readFileSync(file);
const modules = [];
for (let time = 0; time < Number(times); time++) {
    // A custom section that differs each time: V8 does not compile twice what it knows already.
    const changed = Buffer.concat([bytes, Buffer.from([0, 2, 1, time])]);
    const start = process.hrtime.bigint();
    modules.push(new WebAssembly.Module(changed));
    console.log(`0 ${process.hrtime.bigint() - start}`);
}
