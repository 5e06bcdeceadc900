import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { cpus } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';

const WITNESS = join(import.meta.dirname, 'witness.ts');
/** It goes before all that the benchmarks run at real-time priority. */
const PRIORITY = '50';

/**
 * When the machine stood still: a guest whose hypervisor takes its processors away, and every process in it with them,
 * whether it had work or not. The kernel counts it as steal, in ticks of 10 ms and not all of it; so each processor has a
 * witness that does nothing but look at the clock.
 */
export class Standstill {
  /** By processor. */
  readonly #gaps: (readonly [fromMs: number, toMs: number])[][] = cpus().map(() => []);
  readonly #witnesses: readonly ChildProcessByStdio<null, Readable, null>[];

  constructor() {
    this.#witnesses = this.#gaps.map((gaps, cpu) => {
      const command = ['-c', String(cpu), 'chrt', '--fifo', PRIORITY, process.execPath, WITNESS];
      const child = spawn('taskset', command, { stdio: ['ignore', 'pipe', 'inherit'] });
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        for (const line of text.trimEnd().split('\n')) {
          const [from = 0, to = 0] = line.split(' ').map(Number);
          gaps.push([from, to]);
        }
      });
      return child;
    });
  }

  /** Of how much of a time this processor was gone, in ms; times are ms since 1970. */
  of(cpu: number, fromMs: number, toMs: number): number {
    let sum = 0;
    for (const [from, to] of this.#gaps[cpu] ?? [])
      sum += Math.max(0, Math.min(to, toMs) - Math.max(from, fromMs));
    return sum;
  }

  /** The longest in this time, on any processor, in ms. */
  longest(fromMs: number, toMs: number): number {
    const during = this.#gaps.flat().filter(([from, to]) => to > fromMs && from < toMs);
    return Math.max(0, ...during.map(([from, to]) => to - from));
  }

  [Symbol.dispose](): void {
    for (const witness of this.#witnesses) witness.kill('SIGKILL');
  }
}
