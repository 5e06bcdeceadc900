import type { Figure } from './figures.ts';

/** What a benchmark writes: bench/results/NAME.json. */
export interface Result {
  readonly bench: string;
  /** What to type to run it again. */
  readonly command: string;
  readonly date: string;
  /** `git describe`, with -dirty where something else than results and their page was changed. */
  readonly commit: string;
  readonly machine: Machine;
  /** Load average over one minute. What ran before is in the first, the benchmark itself in the second. */
  readonly load: { readonly before: number; readonly after: number };
  /** Processors that were busy with anything else meanwhile, on average: other processes, other guests; null: not measured. */
  readonly othersCores: number | null;
  readonly seconds: number;
  /** What a reader of the figures must know: what could not be run here, and why. */
  readonly notes: readonly string[];
  readonly figures: readonly Figure[];
}

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly kernel: string;
  readonly node: string;
}

/** As it is committed: a line a figure, so that a change shows in what changed. */
export function resultText({ figures, ...head }: Result): string {
  const lines = figures.map((figure) => `    ${JSON.stringify(figure)}`);
  return JSON.stringify({ ...head, figures: [] }, null, 2).replace(
    /"figures": \[\]\n}$/,
    () => `"figures": [\n${lines.join(',\n')}\n  ]\n}\n`,
  );
}
