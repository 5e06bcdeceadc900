import { existsSync, readFileSync } from 'node:fs';
import type { Circumstances } from '../support/circumstances.ts';
import { number, table } from './text.ts';

/** What the page shows of bench/results/soak.json: courses, not figures. `npm run soak` writes it, and docs/soak.svg. */
export interface Soak extends Circumstances {
  readonly minutes: number;
  /** New connections. */
  readonly perSecond: number;
  readonly growing: readonly string[];
  readonly differences: readonly unknown[];
  /** By what was looked at, with its unit in its name. */
  readonly verdicts: Readonly<Record<string, SoakVerdict>>;
}

interface SoakVerdict {
  readonly median: number;
  readonly max: number;
  readonly growth: number;
  /** Null: what it took is told, and judges nothing, as it is of the machine too. */
  readonly allowed: number | null;
}

/** Null: there is none yet. */
export function readSoak(file: string): Soak | null {
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Soak) : null;
}

const ABOUT = `## A soak

The agent under traffic that comes and goes, scrapers of all kinds and a slow one, and namespaces that are deleted: nothing may
grow in the second half, and not a byte may be missing in the end.
`;

function verdictOf(allowed: number | null, grows: boolean): string {
  if (allowed === null) return 'not judged';
  return grows ? '**grows**' : 'flat';
}

export function soakSection(soak: Soak | null): readonly string[] {
  if (soak === null) return [ABOUT, 'Not run yet: `npm run soak`.\n'];
  const { minutes, perSecond, growing, differences, verdicts } = soak;
  const ran = `\`npm run soak -- --minutes ${minutes} --rate ${perSecond}\`, commit ${soak.commit}, ${soak.date}`;
  const load = `load ${soak.load.before} before, ${soak.load.after} after`;
  const rows = Object.entries(verdicts).map(([name, { median, max, growth, allowed }]) => [
    name,
    number(median),
    number(max),
    number(growth),
    allowed === null ? '' : number(allowed),
    verdictOf(allowed, growing.includes(name)),
  ]);
  const exact = differences.length === 0 ? 'No byte was missing.' : `**${differences.length} differences.**`;
  return [
    ABOUT,
    `${ran}; ${load}. ${exact} [Over time](soak.svg).\n`,
    table(['', 'median', 'at most', 'growth', 'allowed', ''], rows),
  ];
}
