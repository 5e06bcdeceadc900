// A real Prometheus reads pages in all formats: the same series from each, and native histograms that answer quantiles.
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { METRICS } from '../../src/expose/metrics.ts';
import { CONTENT_TYPES, type Format, type PageBlock } from '../../src/expose/page.ts';
import type { AgentPort } from '../../src/server/agent-port.ts';
import { createApp } from '../../src/server/app.ts';
import { startServer } from '../../src/server/http-server.ts';
import { formatListen } from '../../src/server/listen-address.ts';
import { PrometheusServer, type Series } from '../support/prometheus.ts';
import { anyPage } from '../unit/expose/random-page.ts';
import { histogramBlock, labelSet } from '../unit/expose/sample-page.ts';

const NATIVE = ['--enable-feature=native-histograms'];
const RTT = 'kube_netc_edge_min_rtt_seconds';
const HISTOGRAM_LINES = METRICS.flatMap(({ name, type }) =>
  type === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [],
);

function portOf(blocks: readonly PageBlock[]): AgentPort {
  return {
    blocks: async () => blocks,
    health: () => ({ ready: true, problems: [], snapshotAgeMs: 0 }),
  };
}

/** One random page with every metric of the table, with series that Prometheus can tell apart. */
function randomBlocks(seed: number): PageBlock[] {
  const found = new Map<string, PageBlock>();
  for (const block of fc.sample(anyPage, { numRuns: 400, seed }).flat()) {
    if ((found.get(block.metric)?.count ?? 0) < block.count) found.set(block.metric, block);
  }
  return [...found.values()];
}

/** Serves the blocks in a format that the path names, whatever the scraper asks for. */
async function serveFormats(blocks: readonly PageBlock[]) {
  const app = createApp(portOf(blocks));
  const server = createServer((request, response) => {
    const format = (request.url ?? '').slice(1) as Format;
    void (async () => {
      const page = await app.request('/metrics', { headers: { accept: CONTENT_TYPES[format] } });
      response.setHeader('content-type', page.headers.get('content-type') ?? '');
      response.end(Buffer.from(await page.arrayBuffer()));
    })();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, target: `127.0.0.1:${(server.address() as AddressInfo).port}` };
}

/** What one job has, as text to compare: name, labels, value. */
function lines(series: readonly Series[]): string[] {
  return series
    .filter(({ labels }) => (labels['__name__'] ?? '').match(/^(kube_netc|bytes|active)/))
    .map(({ labels, value }) => {
      const { job: _, ...rest } = labels;
      return JSON.stringify([
        Object.entries(rest).toSorted(([a], [b]) => (a < b ? -1 : 1)),
        String(value + 0),
      ]);
    })
    .toSorted();
}

describe('Prometheus', () => {
  const folder = mkdtempSync(join(tmpdir(), 'kube-netc-formats-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const seed = Date.now() | 0;
  describe(`of random pages (seed ${seed})`, () => {
    const blocks = randomBlocks(seed);
    let web: Awaited<ReturnType<typeof serveFormats>>;
    let prometheus: PrometheusServer;

    beforeAll(async () => {
      web = await serveFormats(blocks);
      const jobs = Object.keys(CONTENT_TYPES).map(
        (format) =>
          `{ job_name: ${format}, metrics_path: /${format}, honor_labels: true, static_configs: [{ targets: ['${web.target}'], labels: { instance: x } }] }`,
      );
      prometheus = await PrometheusServer.start(
        { folder },
        `{ global: { scrape_interval: 1s }, scrape_configs: [${jobs.join()}] }`,
        NATIVE,
      );
      await prometheus.until('count(up == 1) == 3', 30_000);
    });
    afterAll(async () => {
      await prometheus?.stop();
      web?.server.close();
    });

    it('takes the same series from text and OpenMetrics, all of them', async () => {
      const text = lines(await prometheus.query('{job="text"}'));
      const series = blocks.reduce((sum, block) => {
        const bounds = METRICS.find(({ name }) => name === block.metric)?.shape?.classicPowers;
        return sum + block.count * (bounds === undefined ? 1 : bounds.length + 3);
      }, 0);
      expect(blocks.length).toBe(METRICS.length);
      expect(text).toHaveLength(series);
      expect(lines(await prometheus.query('{job="openmetrics"}'))).toEqual(text);
    });

    it('takes the same from protobuf, and of histograms what they count and their sum', async () => {
      const isHistogram = ({ labels }: Series) => HISTOGRAM_LINES.includes(labels['__name__'] ?? '');
      const text = (await prometheus.query('{job="text"}')).filter((series) => !isHistogram(series));
      const all = await prometheus.query(
        `{job="protobuf",__name__!~"${METRICS.filter(({ type }) => type === 'histogram')
          .map(({ name }) => name)
          .join('|')}"}`,
      );
      expect(lines(all)).toEqual(lines(text));
      for (const { name } of METRICS.filter(({ type }) => type === 'histogram')) {
        for (const part of ['count', 'sum']) {
          const native = await prometheus.query(`histogram_${part}(${name}{job="protobuf"})`);
          const classic = await prometheus.query(`{__name__="${name}_${part}",job="text"}`);
          const named = native.map((series) => ({
            ...series,
            labels: { ...series.labels, __name__: `${name}_${part}` },
          }));
          expect(lines(named)).toEqual(lines(classic));
        }
      }
    });
  });

  it('asks for native histograms, and they give the quantiles that were measured, within a bucket', async () => {
    const shape = METRICS.find(({ name }) => name === RTT)?.shape;
    if (shape === undefined) throw new Error(`${RTT} is no histogram`);
    const first = shape.lowestPower * 2 ** shape.schema;
    const bucketOf = (seconds: number): number =>
      Math.max(0, Math.ceil(Math.log2(seconds) * 2 ** shape.schema) - first);
    // Round trips as a network has them: most of half a millisecond, one in twenty over a continent.
    const seconds = Array.from({ length: 20_000 }, (_, i) => {
      const share = ((i * 7919) % 20_000) / 20_000;
      return i % 20 === 0 ? 0.02 + share * 0.06 : 0.000_2 + share ** 3 * 0.001;
    }).toSorted((a, b) => a - b);
    const counts = Array<number>(shape.buckets).fill(0);
    for (const value of seconds) counts[bucketOf(value)]! += 1;
    const sumSeconds = seconds.reduce((sum, value) => sum + value, 0);
    const labels = labelSet(...Array<string>(11).fill('a'));
    const blocks = [histogramBlock(RTT, [labels], [{ counts, sumSeconds }])];
    await using server = await startServer(portOf(blocks), { host: '127.0.0.1', port: 0 });
    const prometheus = await PrometheusServer.start(
      { folder: mkdtempSync(join(folder, 'native-')) },
      `{ global: { scrape_interval: 1s }, scrape_configs: [{ job_name: x, static_configs: [{ targets: ['${formatListen(server.address)}'] }] }] }`,
      NATIVE,
    );
    await prometheus.until(`histogram_count(${RTT})`, 30_000);
    expect(await prometheus.query(`${RTT}_bucket`)).toEqual([]); // so it was not a text page
    for (const quantile of [0.5, 0.9, 0.96, 0.99, 0.999]) {
      const measured = seconds[Math.ceil(quantile * seconds.length) - 1] ?? NaN;
      const answer = await prometheus.value(`histogram_quantile(${quantile}, ${RTT})`);
      expect([quantile, bucketOf(answer)]).toEqual([quantile, bucketOf(measured)]);
    }
    expect(await prometheus.value(`histogram_sum(${RTT})`)).toBeCloseTo(sumSeconds, 9);
    await prometheus.stop();
  });
});
