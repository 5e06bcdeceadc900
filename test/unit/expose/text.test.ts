import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CHUNK_BYTES, ChunkPool } from '../../../src/expose/chunk-pool.ts';
import { METRICS } from '../../../src/expose/metrics.ts';
import type { Format, PageBlock } from '../../../src/expose/page.ts';
import { encodeLabels } from '../../../src/expose/text.ts';
import { writePage } from '../../../src/expose/write-page.ts';
import { anyText } from './any-text.ts';
import { block, countingPacer, exampleBlocks, labelSet, textOf } from './sample-page.ts';

async function render(blocks: readonly PageBlock[], format: Format = 'text'): Promise<string> {
  return textOf(await writePage(blocks, format, new ChunkPool(), countingPacer()));
}

async function printed(values: readonly number[]): Promise<string[]> {
  const page = await render([
    block(
      'kube_netc_agent_flows',
      values.map(() => labelSet()),
      values,
    ),
  ]);
  return page
    .split('\n')
    .slice(2, -1)
    .map((line) => line.replace('kube_netc_agent_flows ', ''));
}

/** Reads `{a="..",b=".."} ` as a scraper does. */
function parse(text: string): [string, string][] {
  return [...text.matchAll(/([a-z_]+)="((?:\\[\\n"]|[^\\"\n])*)"[,}]/g)].map(([, name = '', value = '']) => [
    name,
    value.replace(/\\(.)/g, (_, char: string) => (char === 'n' ? '\n' : char)),
  ]);
}

/** The golden pages: `vitest -u` writes them anew after a wanted change. */
function fixture(name: string): string {
  return `../../fixtures/${name}`;
}

describe('a whole page', () => {
  test('in text 0.0.4 is the golden page', async () => {
    await expect(await render(exampleBlocks(), 'text')).toMatchFileSnapshot(fixture('golden-page.txt'));
  });

  test('in OpenMetrics is the golden page', async () => {
    await expect(await render(exampleBlocks(), 'openmetrics')).toMatchFileSnapshot(
      fixture('golden-page.openmetrics.txt'),
    );
  });

  const promtool = spawnSync('promtool', ['--version']).error === undefined;
  test.skipIf(!promtool)(
    'passes promtool check metrics (needs promtool, of the prometheus package)',
    async () => {
      const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], {
        input: await render(exampleBlocks()),
        encoding: 'utf8',
      });
      expect({ status, out: stdout + stderr }).toEqual({ status: 0, out: '' });
    },
  );

  test('is the same whatever the order of the blocks, and keeps one family together', async () => {
    const first = block('bytes_sent', [labelSet(...Array<string>(16).fill('a'))], [1]);
    const second = block('bytes_sent', [labelSet(...Array<string>(16).fill('b'))], [2]);
    const other = block('kube_netc_agent_flows', [labelSet()], [3]);
    const lines = (await render([first, other, second])).split('\n');
    expect(lines.map((line) => line.replace(/\{.*\}/, ''))).toEqual([
      '# HELP bytes_sent Payload bytes the source has sent to the destination.',
      '# TYPE bytes_sent gauge',
      'bytes_sent 1',
      'bytes_sent 2',
      '# HELP kube_netc_agent_flows Flows that the kernel side keeps an account of.',
      '# TYPE kube_netc_agent_flows gauge',
      'kube_netc_agent_flows 3',
      '',
    ]);
  });

  test('leaves out a family without samples, and an empty OpenMetrics page still has its end', async () => {
    const empty = block('bytes_sent', [], []);
    expect(await render([empty], 'text')).toBe('');
    expect(await render([empty], 'openmetrics')).toBe('# EOF\n');
  });

  test('writes only the first `count` series', async () => {
    const labels = [labelSet('a'), labelSet('b')];
    const page = await render([{ ...block('kube_netc_agent_lost_total', labels, [1, 2]), count: 1 }]);
    expect(page).toContain('{reason="a"} 1\n');
    expect(page).not.toContain('"b"');
  });

  test('encodes a label set once', async () => {
    const labels = labelSet('a');
    const blocks = [block('kube_netc_agent_lost_total', [labels], [1])];
    await render(blocks);
    const cached = labels.text;
    await render(blocks);
    expect(cached).not.toBeNull();
    expect(labels.text).toBe(cached);
  });
});

describe('a block that does not fit the table is refused', () => {
  test.each([
    [
      'an unknown metric',
      block('no_such_metric', [labelSet()], [1]),
      'no_such_metric is not in the metric table',
    ],
    [
      'too few label values',
      block('kube_netc_agent_lost_total', [labelSet()], [1]),
      '0 label values for the 1 labels',
    ],
    [
      'more series than values',
      { ...block('kube_netc_agent_flows', [labelSet()], [1]), count: 2 },
      'series 1 of 2',
    ],
  ])('%s', async (_, bad, message) => {
    await expect(render([bad])).rejects.toThrow(message);
  });
});

describe('values', () => {
  test('are written in their shortest form', async () => {
    const values = [
      0,
      -0,
      7,
      10,
      4294967296,
      2 ** 31 - 1,
      2 ** 31,
      2 ** 53 - 1,
      2 ** 53,
      1e21,
      0.1,
      -1,
      5e-324,
      1.5e300,
    ];
    expect(await printed(values)).toEqual([
      '0',
      '0',
      '7',
      '10',
      '4294967296',
      '2147483647',
      '2147483648',
      '9007199254740991',
      '9007199254740992',
      '1e+21',
      '0.1',
      '-1',
      '5e-324',
      '1.5e+300',
    ]);
    expect(await printed([NaN, Infinity, -Infinity])).toEqual(['NaN', '+Inf', '-Inf']);
  });

  test('read back to the same double', async () => {
    const number = fc.oneof(
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.maxSafeNat(),
      fc.integer(),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(number, { minLength: 1, maxLength: 50 }), async (values) => {
        expect(await printed(values)).toEqual(values.map((value) => String(value)));
      }),
    );
  });
});

describe('labels', () => {
  test('come back as they went in; lone surrogates, which UTF-8 cannot say, as U+FFFD', () => {
    fc.assert(
      fc.property(anyText, anyText, (a, b) => {
        const text = Buffer.from(encodeLabels(['first', 'second'], [a, b])).toString();
        expect(text.endsWith('} ')).toBe(true);
        expect(parse(text)).toEqual([
          ['first', a.toWellFormed()],
          ['second', b.toWellFormed()],
        ]);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('slices', () => {
  const many = Array.from({ length: 5000 }, (_, i) => labelSet(`reason-${i}`));
  const blocks = [
    block(
      'kube_netc_agent_lost_total',
      many,
      many.map((_, i) => i),
    ),
  ];

  test('let others have their turn, and the page is the same', async () => {
    const patient = countingPacer(0);
    const hurried = countingPacer(5);
    const pool = new ChunkPool();
    const whole = await writePage(blocks, 'text', pool, patient);
    const sliced = await writePage(blocks, 'text', pool, hurried);
    expect(patient.pauses).toBe(0);
    expect(hurried.pauses).toBeGreaterThan(50);
    expect(textOf(sliced)).toBe(textOf(whole));
    expect(sliced.samples).toBe(5000);
  });
});

describe('chunks', () => {
  test('of any number hold the page in order, one larger than a chunk too', async () => {
    const long = 'x'.repeat(CHUNK_BYTES + 10);
    const labels = Array.from({ length: 3000 }, (_, i) =>
      labelSet(i === 1500 ? long : `reason-${i}-${'y'.repeat(200)}`),
    );
    const page = await writePage(
      [
        block(
          'kube_netc_agent_lost_total',
          labels,
          labels.map((_, i) => i),
        ),
      ],
      'text',
      new ChunkPool(),
      countingPacer(),
    );
    const lines = textOf(page).split('\n').slice(2, -1);
    expect(page.chunks.length).toBeGreaterThan(3);
    expect(page.byteLength).toBe(Buffer.concat(page.chunks).length);
    expect(lines.map((line) => Number(line.split(' ')[1]))).toEqual(labels.map((_, i) => i));
    expect(lines[1500]).toBe(`kube_netc_agent_lost_total{reason="${long}"} 1500`);
  });

  test('given back are used again, and a page that is kept is not written over', async () => {
    const pool = new ChunkPool();
    const make = (value: number) =>
      writePage([block('kube_netc_agent_flows', [labelSet()], [value])], 'text', pool, countingPacer());
    const kept = await make(1);
    const given = await make(2);
    pool.give(given.chunks);
    expect(pool.freeBytes).toBe(CHUNK_BYTES);
    const next = await make(3);
    expect(next.chunks[0]?.buffer).toBe(given.chunks[0]?.buffer);
    expect(textOf(kept)).toMatch(/ 1\n$/);
    expect(textOf(next)).toMatch(/ 3\n$/);
  });

  test('kept by the pool are bounded by the size of the page last given back', () => {
    const pool = new ChunkPool();
    const chunks = Array.from({ length: 100 }, () => pool.take(0));
    pool.give(chunks);
    expect(pool.freeBytes).toBe(100 * CHUNK_BYTES);
    pool.give([Buffer.alloc(10)]);
    expect(pool.freeBytes).toBe(2 * CHUNK_BYTES);
  });
});

describe('the metric table', () => {
  test('has no name twice, and only names and labels that Prometheus takes', () => {
    expect(new Set(METRICS.map(({ name }) => name)).size).toBe(METRICS.length);
    for (const { name, labels } of METRICS) {
      expect(name).toMatch(/^[a-z][a-z0-9_]*$/);
      expect(new Set(labels).size).toBe(labels.length);
      for (const label of labels) expect(label).toMatch(/^[a-z][a-z0-9_]*$/);
    }
  });

  test('says the type and the unit in the name, outside the names of the first version', () => {
    for (const { name, type, unit, group } of METRICS.filter((metric) => metric.group !== 'connections')) {
      const stem = name.replace(/_(total|info)$/, '');
      expect(name.startsWith('kube_netc_')).toBe(true);
      expect(name.startsWith('kube_netc_agent_')).toBe(group === 'agent');
      expect(name.endsWith('_total')).toBe(type === 'counter');
      expect(name.endsWith('_info')).toBe(type === 'info');
      expect(unit === '' || stem.endsWith(`_${unit}`)).toBe(true);
    }
  });

  test('explains each metric in one sentence', () => {
    for (const { help } of METRICS) expect(help).toMatch(/^[A-Z].*[^.]\.$/);
  });

  test("has kube-netc's five metrics and sixteen labels, in their order", () => {
    const seed = METRICS.filter(({ group }) => group === 'connections');
    expect(seed.map(({ name, type }) => `${name} ${type}`)).toEqual([
      'bytes_sent gauge',
      'bytes_recv gauge',
      'bytes_sent_per_second gauge',
      'bytes_recv_per_second gauge',
      'active_connections gauge',
    ]);
    for (const { labels } of seed) {
      expect(labels.join(' ')).toBe(
        'name component instance version part_of managed_by source_address destination_address source_name ' +
          'destination_name source_kind destination_kind source_namespace destination_namespace source_node destination_node',
      );
    }
  });
});
