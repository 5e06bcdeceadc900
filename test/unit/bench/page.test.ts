import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { PARTS } from '../../../bench/parts.ts';
import { benchmarksPage } from '../../../bench/report/page.ts';
import { Reader, readResults } from '../../../bench/report/reader.ts';
import { SECTIONS } from '../../../bench/report/sections.ts';
import { TARGETS } from '../../../bench/report/targets.ts';
import { type Figure, figure } from '../../../bench/support/figures.ts';
import { type Result, resultText } from '../../../bench/support/result.ts';

const COMMITTED = join(import.meta.dirname, '../../../bench/results');

function result(figures: readonly Figure[], more: Partial<Result> = {}): Reader {
  return new Reader({
    bench: 'a bench',
    command: 'node bench/a.ts 1',
    date: '2026-11-23',
    commit: 'abc1234',
    machine: { cpu: 'a CPU', cores: 2, memoryGiB: 24, kernel: '6.18.0', node: 'v26.10.0' },
    load: { before: 0.1, after: 1.2 },
    othersCores: 0.02,
    seconds: 60,
    notes: [],
    figures,
    ...more,
  });
}

/** The line of the table of targets, of a page that has these results alone. */
function targetLine(what: string, bench: string, reader: Reader): string {
  const page = benchmarksPage(new Map([[bench, reader]]));
  const line = page.split('\n').find((text) => text.startsWith(`| ${what} `));
  if (line === undefined) throw new Error(`no target ${what} on:\n${page.slice(0, 2_000)}`);
  return line;
}

const START = 'start to first full page';
const startMs = (...ms: number[]): Figure => figure('start to first page', {}, 'ms', ms);
/** What other targets of the same benchmark ask for. */
const AGENT = [
  figure('memory', { sockets: 0 }, 'MiB', [50]),
  figure('CPU', { connectionsPerSecond: 600 }, 'millicores', [3]),
];

describe('a figure', () => {
  test('has the quartiles of its values, and from 20 on the bounds of the median', () => {
    const few = figure('x', {}, 'ms', [4, 1, 3, 2, 5]);
    expect(few).toMatchObject({ samples: 5, median: 3, q1: 2, q3: 4, min: 1, max: 5 });
    expect(few).not.toHaveProperty('from');
    const many = figure(
      'x',
      {},
      'ms',
      Array.from({ length: 100 }, (_, i) => i),
    );
    expect(many).toMatchObject({ median: 50, from: 40, to: 59 });
  });

  test('is refused without a value, or with one that is no number', () => {
    expect(() => figure('x', {}, 'ms', [])).toThrow(/x .*nothing was measured/);
    expect(() => figure('x', {}, 'ms', [1, NaN])).toThrow(/x .*NaN was measured/);
  });
});

describe('the page of benchmarks', () => {
  test('says that a target is missed, or met, by comparing', () => {
    expect(targetLine(START, 'agent', result([...AGENT, startMs(600, 700, 800)]))).toContain('| met |');
    expect(targetLine(START, 'agent', result([...AGENT, startMs(600, 1_300, 1_400)]))).toContain(
      '| **missed** |',
    );
  });

  test('judges what must never be by its largest value', () => {
    const slices = (...ms: number[]): Figure[] => [
      ...[10_000, 100_000].map((lines) => figure('page, warm', { lines }, 'ms', [1])),
      figure('longest slice', {}, 'ms', ms),
    ];
    const what = 'longest slice of a page';
    // the section wants more figures than the target: only its verdict is looked at here
    const target = TARGETS.find((each) => each.what === what);
    expect(target?.judge(result(slices(1, 2, 9.9)))?.met).toBe(true);
    expect(target?.judge(result(slices(1, 2, 10.1)))?.met).toBe(false);
  });

  test('takes traffic for the same only where what is seen could be the noise', () => {
    const of = { traffic: 'bulk', path: 'veth' };
    const ratios = (...ours: number[]): Reader =>
      result([
        figure('ratio', { ...of, way: 'nothing' }, '', [0.98, 0.99, 1, 1.01, 1.02]),
        figure('ratio', { ...of, way: 'processes, no UDP' }, '', ours),
      ]);
    const target = TARGETS.find(({ what }) => what === 'TCP bulk, veth, with our programs / without');
    expect(target?.judge(ratios(0.96, 0.97, 0.98, 0.995, 1))?.met).toBe(true);
    expect(target?.judge(ratios(0.9, 0.92, 0.93, 0.94, 0.95))?.met).toBe(false);
    expect(target?.judge(ratios(0.8, 0.9, 0.98, 1.1, 1.2))?.met).toBe(null);
  });

  test('says of a benchmark without a result how to run it', () => {
    const page = benchmarksPage(new Map());
    expect(page).toContain('Not run yet: `npm run bench -- latency`.');
    expect(page).not.toContain('| met |');
    expect(page).not.toContain('**missed**');
  });

  test('takes the cost of a connection for too much where it is, unless the noise hides it', () => {
    const of = { traffic: 'connect-request-close', path: 'veth', way: 'processes, no UDP' };
    const what = 'TCP connect-request-close, one core, veth, processes, no UDP';
    const target = TARGETS.find((each) => each.what === what);
    const met = (...ratios: number[]): unknown =>
      target?.judge(result([figure('ratio', of, '', ratios)]))?.met;
    expect(met(0.98, 0.985, 0.995, 1, 1.01)).toBe(true);
    expect(met(0.96, 0.97, 0.98, 0.985, 1)).toBe(false);
    expect(met(0.7, 0.8, 0.9, 0.95, 1)).toBe(false);
    expect(met(0.8, 0.9, 0.98, 1.1, 1.2)).toBe(null);
  });

  test('does not judge what was run in another size', () => {
    const [what, small] = [
      'memory, 100,000 sockets and 50,000 pods',
      figure('memory', { sockets: 100 }, 'MiB', [999]),
    ];
    expect(targetLine(what, 'cluster-5000', result([small]))).toContain('| not run in this size |');
  });

  test('says which machine was not quiet', () => {
    const busy = result([...AGENT, startMs(600)], { othersCores: 0.9 });
    expect(benchmarksPage(new Map([['agent', busy]]))).toContain(
      '**Others had 0.9 of 2 cores: the machine was not quiet.**',
    );
    expect(targetLine(START, 'agent', busy)).toContain('(not a quiet machine)');
    const quiet = result([...AGENT, startMs(600)]);
    expect(benchmarksPage(new Map([['agent', quiet]]))).not.toContain('the machine was not quiet');
    const unknown = { othersCores: null, load: { before: 7, after: 8 } };
    expect(benchmarksPage(new Map([['agent', result([...AGENT, startMs(600)], unknown)]]))).toContain(
      '**The machine was not quiet.**',
    );
  });

  test('has a section for every benchmark, and every target a benchmark that there is', () => {
    const shown = new Set(SECTIONS.map(({ bench }) => bench));
    expect(PARTS.map(({ name }) => name).filter((name) => !shown.has(name))).toEqual([]);
    expect(TARGETS.filter(({ bench }) => !shown.has(bench))).toEqual([]);
  });

  test('can be made of what is committed', () => {
    const results = readResults(COMMITTED);
    expect(results.size).toBeGreaterThan(0);
    for (const { title } of SECTIONS) expect(benchmarksPage(results)).toContain(`## ${title}\n`);
  });
});

test('a result is read back as it was written, a figure on each line', () => {
  const written = result([startMs(600, 700), ...AGENT], {
    notes: ['why "figures": [] is not a $& here'],
  }).result;
  const text = resultText(written);
  expect(JSON.parse(text)).toEqual(written);
  expect(text.split('\n').filter((line) => line.startsWith('    {"what"'))).toHaveLength(3);
});
