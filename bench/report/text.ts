import type { Figure } from '../support/figures.ts';

/** A table of Markdown. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line), ''].join('\n');
}

/** A number as people read it: thousands apart from 10,000 on, and three digits at least where there are so many. */
export function number(value: number): string {
  if (Math.abs(value) >= 100 || Number.isInteger(value)) return Math.round(value).toLocaleString('en-US');
  return String(Number(value.toPrecision(value < 1 ? 2 : 3)));
}

const UNITS: Readonly<Record<string, string>> = { us: 'µs' };

/** With its unit: bytes as MB or kB where there are so many. */
export function quantity(value: number, unit: string): string {
  if (unit === 'B' && value >= 1e6) return `${number(value / 1e6)} MB`;
  if (unit === 'B' && value >= 1e4) return `${number(value / 1e3)} kB`;
  return `${number(value)} ${UNITS[unit] ?? unit}`.trimEnd();
}

/** The median, and the quartiles where there are more samples than one. */
export function median(figure: Figure): string {
  const { q1, q3, samples, unit } = figure;
  const middle = quantity(figure.median, unit);
  return samples < 3 || q1 === q3 ? middle : `${middle} (${number(q1)}-${number(q3)})`;
}

/** A ratio: the median, and between which values the true one lies; of few samples, the quartiles. */
export function ratio(figure: Figure): string {
  const [from, to] = bounds(figure);
  return `${figure.median.toFixed(3)} (${from.toFixed(3)}-${to.toFixed(3)})`;
}

export function bounds({ from, to, q1, q3 }: Figure): readonly [number, number] {
  return [from ?? q1, to ?? q3];
}

/** A case in words: 100,000 sockets, 60 namespaces. */
export function caseOf(of: Figure['of']): string {
  return Object.entries(of)
    .map(([label, value]) => (typeof value === 'number' ? `${number(value)} ${words(label)}` : value))
    .join(', ');
}

/** connectionsPerSecond as words. */
function words(label: string): string {
  return label.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}
