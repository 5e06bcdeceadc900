import { readFileSync } from 'node:fs';
import { basename, relative } from 'node:path';
import { circumstances } from './circumstances.ts';
import { type Figure, figure } from './figures.ts';
import { rounded } from './numbers.ts';
import { type Result, resultText } from './result.ts';

const TICKS_A_SECOND = 100; // USER_HZ, of all that /proc counts

/** What a benchmark adds its figures to. */
export class Figures {
  readonly all: Figure[] = [];
  readonly notes: string[] = [];

  /** One figure; `values` are all that was measured, in `unit`. */
  add(
    what: string,
    of: Figure['of'],
    unit: string,
    values: number | readonly number[],
    digits?: number,
  ): void {
    this.all.push(figure(what, of, unit, [values].flat(), digits));
  }

  note(text: string): void {
    this.notes.push(text);
  }
}

/** Runs a benchmark and prints its result, as bench/results has it, to stdout. Progress goes to stderr. */
export async function bench(measure: (figures: Figures) => Promise<void>): Promise<void> {
  const noted = circumstances();
  const [startedMs, busyBefore, ownBefore] = [performance.now(), machineSeconds(), ownSeconds()];
  const figures = new Figures();
  await measure(figures);
  const seconds = (performance.now() - startedMs) / 1_000;
  const others = machineSeconds() - busyBefore - (ownSeconds() - ownBefore);
  const script = process.argv[1] ?? '';
  const flags = process.execArgv.filter((flag) => !flag.startsWith('--disable-warning'));
  const result: Result = {
    bench: basename(script, '.ts'),
    command: ['node', ...flags, relative(process.cwd(), script), ...process.argv.slice(2)].join(' '),
    ...noted(),
    othersCores: rounded(Math.max(0, others / seconds)),
    seconds: rounded(seconds, 0),
    notes: figures.notes,
    figures: figures.all,
  };
  if (process.stderr.isTTY) process.stderr.write('\r\u001b[K');
  process.stdout.write(resultText(result));
}

/** Shown while it runs, and overwritten by the next. */
export function progress(text: string): void {
  process.stderr.write(process.stderr.isTTY ? `\r\u001b[K${text}` : `${text}\n`);
}

/** CPU time of the machine since it started, all that is not idle; proc(5), /proc/stat. */
function machineSeconds(): number {
  const [line = ''] = readFileSync('/proc/stat', 'latin1').split('\n', 1);
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = line
    .split(/\s+/)
    .slice(1)
    .map(Number);
  return (user + nice + system + irq + softirq + steal) / TICKS_A_SECOND;
}

/** CPU time of this process, and of all that it has started and that has ended; proc(5), /proc/pid/stat. */
function ownSeconds(): number {
  const text = readFileSync('/proc/self/stat', 'latin1');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / TICKS_A_SECOND;
}
