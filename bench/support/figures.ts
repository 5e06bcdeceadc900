import { quantile, rounded } from './numbers.ts';

/** From so many samples on order statistics say between which values the true median lies. */
const BOUNDS_SAMPLES = 20;

/** One measured quantity in one case. Values are as many as were measured, in `unit`. */
export interface Figure {
  /** What was measured: with `of`, unique in a result. */
  readonly what: string;
  /** In which case: of 100,000 sockets, in 60 namespaces. */
  readonly of: Readonly<Record<string, string | number>>;
  readonly unit: string;
  readonly samples: number;
  readonly median: number;
  /** The first and the third quartile. */
  readonly q1: number;
  readonly q3: number;
  readonly min: number;
  readonly max: number;
  /** From 20 samples on: the true median lies between these with 95 %. */
  readonly from?: number;
  readonly to?: number;
}

/** The figure of these values. Throws when there is none, or one is no number. */
export function figure(
  what: string,
  of: Figure['of'],
  unit: string,
  values: readonly number[],
  digits = 4,
): Figure {
  if (values.length === 0 || !values.every(Number.isFinite))
    throw new Error(`${what} ${JSON.stringify(of)}: ${values.join(' ') || 'nothing'} was measured`);
  const at = (share: number): number => rounded(quantile(values, Math.min(Math.max(share, 0), 1)), digits);
  const reach = 0.98 / Math.sqrt(values.length); // 1.96 standard deviations of a binomial half
  const bounds = values.length < BOUNDS_SAMPLES ? {} : { from: at(0.5 - reach), to: at(0.5 + reach) };
  const quartiles = { median: at(0.5), q1: at(0.25), q3: at(0.75), min: at(0), max: at(1) };
  return { what, of, unit, samples: values.length, ...quartiles, ...bounds };
}
