// Loaded into a process by --import, see holds.ts: how long its event loop was held in each of many short windows, and for
// how long the thread waited for a processor. Written at SIGTERM.
import { readFileSync, writeFileSync } from 'node:fs';
import { LoopLag } from '../../src/util/loop-lag.ts';
import type { HoldWindow } from './holds.ts';
import { waitedMs } from './run-queue.ts';

const PROCESSOR_FIELD = 36; // of those behind the name; proc(5), /proc/pid/stat

/** The processor that this thread is on. */
function processor(): number {
  const text = readFileSync(`/proc/self/task/${process.pid}/stat`, 'utf8');
  return Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[PROCESSOR_FIELD]);
}

const windows: HoldWindow[] = [];
const lag = new LoopLag();
let waited = waitedMs();
lag.start();
setInterval(() => {
  const waitedNow = waitedMs();
  const endMs = performance.timeOrigin + performance.now();
  windows.push([endMs, lag.takeMaxSeconds() * 1_000, waitedNow - waited, processor()]);
  waited = waitedNow;
}, Number(process.env['HOLDS_WINDOW_MS'])).unref();

process.once('SIGTERM', () =>
  writeFileSync(process.env['HOLDS_FILE'] ?? '/dev/null', JSON.stringify(windows)),
);
