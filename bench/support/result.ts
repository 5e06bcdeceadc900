import type { Circumstances } from './circumstances.ts';
import type { Figure } from './figures.ts';

/** What a benchmark writes: bench/results/NAME.json. */
export interface Result extends Circumstances {
  readonly bench: string;
  /** What to type to run it again. */
  readonly command: string;
  /** Processors that were busy with anything else meanwhile, on average: other processes, other guests; null: not measured. */
  readonly othersCores: number | null;
  readonly seconds: number;
  /** What a reader of the figures must know: what could not be run here, and why. */
  readonly notes: readonly string[];
  readonly figures: readonly Figure[];
}

/** As it is committed: a line a figure, so that a change shows in what changed. */
export function resultText({ figures, ...head }: Result): string {
  const lines = figures.map((figure) => `    ${JSON.stringify(figure)}`);
  return JSON.stringify({ ...head, figures: [] }, null, 2).replace(
    /"figures": \[\]\n}$/,
    () => `"figures": [\n${lines.join(',\n')}\n  ]\n}\n`,
  );
}
