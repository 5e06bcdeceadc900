import { execFileSync } from 'node:child_process';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { rounded } from './numbers.ts';

/** What a figure is worth nothing without: when, of what, and where it was measured. */
export interface Circumstances {
  readonly date: string;
  /** `git describe`, with -dirty where something else than results and their page was changed. */
  readonly commit: string;
  readonly machine: Machine;
  /** Load average over one minute. What ran before is in the first, what was measured itself in the second. */
  readonly load: { readonly before: number; readonly after: number };
}

interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly kernel: string;
  readonly node: string;
}

/** To be called before something is measured; what it gives is called afterwards. */
export function circumstances(): () => Circumstances {
  const before = loadAverage();
  const measured = commit(); // the tree may go on meanwhile
  return () => ({
    date: new Date().toISOString().slice(0, 10),
    commit: measured,
    machine: thisMachine(),
    load: { before, after: loadAverage() },
  });
}

function loadAverage(): number {
  return rounded(loadavg()[0] ?? NaN);
}

function thisMachine(): Machine {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.version,
  };
}

/** Results and their page are written while the benchmarks run: they do not make the tree another one. */
function commit(): string {
  const git = (...args: string[]): string =>
    execFileSync('git', ['-C', import.meta.dirname, ...args], { encoding: 'utf8' }).trim();
  const ours = [':!/bench/results', ':!/docs/benchmarks.md', ':!/docs/soak.svg'];
  const changed = git('status', '--porcelain', '--', ':/', ...ours);
  return `${git('describe', '--always')}${changed === '' ? '' : '-dirty'}`;
}
