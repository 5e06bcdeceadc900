// Loaded into the agent by bench/turns.ts: what its main thread takes of CPU from turn to turn of the event loop. Turns that
// fall into one millisecond count as one. The kernel adds CPU time up at its ticks: a figure is right to 4 ms.
import { writeFileSync } from 'node:fs';

function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
}

const turnsMs: number[] = [];
let lastMs = cpuMs();
function look(): void {
  turnsMs.push(cpuMs() - lastMs);
  lastMs = cpuMs();
  setTimeout(look, 1).unref();
}
setTimeout(look, 1).unref();

// the first is the agent's start, before it serves; the last, its end, is not seen
process.once('SIGTERM', () =>
  writeFileSync(process.env['TURNS_FILE'] ?? '/dev/null', JSON.stringify(turnsMs.slice(1))),
);
