import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildSync } from 'esbuild';
import type { Figures } from './bench.ts';
import type { Figure } from './figures.ts';
import { quantile } from './numbers.ts';
import type { Standstill } from './standstill.ts';

/**
 * Its end in ms since 1970; the longest turn of the event loop that ended in it, ms; how long the thread waited for a
 * processor, ms; the processor that it was on.
 */
export type HoldWindow = readonly [endMs: number, turnMs: number, waitedMs: number, cpu: number];

/**
 * Before a command whose holds are looked at: they are what it does itself, and not what its neighbours on the same
 * processors do meanwhile, or to the threads that its collector of garbage waits for.
 */
export const REAL_TIME = ['chrt', '--rr', '1'] as const;

/** The environment of a process that records how long its event loop is held; HoldsOf reads it when SIGTERM has ended it. */
export function recordHolds(file: string, windowMs: number): NodeJS.ProcessEnv {
  // made JavaScript here: a process that does it takes some 10 MiB more
  const recorder = `${file}.recorder.mjs`;
  const source = join(import.meta.dirname, 'hold-recorder.ts');
  buildSync({ entryPoints: [source], outfile: recorder, bundle: true, platform: 'node', format: 'esm' });
  return { NODE_OPTIONS: `--import ${recorder}`, HOLDS_FILE: file, HOLDS_WINDOW_MS: String(windowMs) };
}

/**
 * How long the event loop of a process was held, without the time in which others had its processor or in which it stood
 * still. Of the two the longer is taken away: who waits while all stands still waits too.
 */
export class HoldsOf {
  readonly #windows: readonly HoldWindow[];
  readonly #standstill: Pick<Standstill, 'of' | 'longest'>;

  constructor(file: string, standstill: Pick<Standstill, 'of' | 'longest'>) {
    this.#windows = JSON.parse(readFileSync(file, 'utf8')) as HoldWindow[];
    this.#standstill = standstill;
  }

  /** Adds what was between two times, in ms since 1970. */
  addTo(figures: Figures, of: Figure['of'], fromMs: number, toMs: number): void {
    const held = this.#windows.flatMap((window, i) =>
      window[0] > fromMs && window[0] <= toMs ? this.#held(window, this.#windows[i - 1] ?? window) : [],
    );
    figures.add('event loop held, longest', of, 'ms', Math.max(0, ...held), 2);
    figures.add('event loop held, 99 %', of, 'ms', quantile(held, 0.99), 2);
    figures.add('machine stood still, longest', of, 'ms', this.#standstill.longest(fromMs, toMs), 2);
  }

  /** A turn is told of when it is over: of the time before its window some was in it, too. */
  #held([endMs, turnMs, waitedMs, cpu]: HoldWindow, before: HoldWindow): number {
    const stillMs = this.#standstill.of(cpu, before[0] - turnMs, endMs);
    return Math.max(0, turnMs - Math.max(waitedMs + before[2], stillMs));
  }
}
