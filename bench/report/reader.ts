import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Figure } from '../support/figures.ts';
import type { Result } from '../support/result.ts';

type Of = Figure['of'];

/** Looks up the figures of one result. */
export class Reader {
  readonly result: Result;

  constructor(result: Result) {
    this.result = result;
  }

  /** Those of this name whose case is, or is part of, this one. */
  all(what: string, of: Of = {}): readonly Figure[] {
    return this.result.figures.filter(
      (figure) =>
        figure.what === what && Object.entries(of).every(([label, value]) => figure.of[label] === value),
    );
  }

  /** The one that matches. Throws when there is not exactly one. */
  one(what: string, of: Of = {}): Figure {
    const [figure, ...more] = this.all(what, of);
    if (figure === undefined || more.length > 0)
      throw new Error(`${this.result.bench}: ${what} ${JSON.stringify(of)}: ${more.length} too many or none`);
    return figure;
  }

  /** Every value of a label, in the order in which it first comes. */
  values(what: string, label: string): readonly (string | number)[] {
    return [...new Set(this.all(what).flatMap(({ of }) => of[label] ?? []))];
  }
}

/** What there is in bench/results, by name of the benchmark; the soak has a form of its own. */
export function readResults(folder: string): ReadonlyMap<string, Reader> {
  const files = readdirSync(folder).filter((name) => name.endsWith('.json') && name !== 'soak.json');
  return new Map(
    files.toSorted().map((name) => {
      const result = JSON.parse(readFileSync(join(folder, name), 'utf8')) as Result;
      return [basename(name, '.json'), new Reader(result)];
    }),
  );
}
