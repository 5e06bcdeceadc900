// Sleeps two milliseconds, and again, on one processor before everybody else: what makes it late is not work of this machine.
// Tells each time that it was, in ms since 1970. See standstill.ts.
import { writeSync } from 'node:fs';

const SLEEP_MS = 2;
/** A timer's own lateness is below it. */
const LATE_MS = 1;

const cell = new Int32Array(new SharedArrayBuffer(4));
for (let lastMs = performance.now(); ;) {
  Atomics.wait(cell, 0, 0, SLEEP_MS);
  const nowMs = performance.now();
  if (nowMs - lastMs > SLEEP_MS + LATE_MS)
    writeSync(1, `${performance.timeOrigin + lastMs} ${performance.timeOrigin + nowMs}\n`);
  lastMs = nowMs;
}
