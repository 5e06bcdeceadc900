// A real Prometheus that scrapes 10,000 and 100,000 lines of text, half of them of histograms, every 5 s: OpenMetrics, then
// protobuf with native histograms. How long a scrape took it, and a page the server, and how long the server's event loop
// was held. The server is this process. Run: node bench/scrape.ts [scrapes]
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startServer } from '../src/server/http-server.ts';
import type { PageStatistics } from '../src/server/page-maker.ts';
import { PrometheusServer } from '../test/support/prometheus.ts';
import { bench, type Figures, progress } from './support/bench.ts';
import { quantile } from './support/numbers.ts';
import { connectionBlocks, histogramBlocks } from './support/page-series.ts';
import { waitedMs } from './support/run-queue.ts';

const scrapes = Number(process.argv[2] ?? 6);
const INTERVAL_SECONDS = 5;
/** How often the event loop is asked whether it is free. */
const ASKED_MS = 5;
/** On a busy machine a scrape is told of late. */
const MORE_SCRAPES = 6;
const TOLD_TRIES = 40;
const FORMATS = { openmetrics: [], protobuf: ['--enable-feature=native-histograms'] };

/** How late each turn of a timer came, without the time in which others had the processor. */
function watchLoop(): () => number[] {
  const late: number[] = [];
  let waited = waitedMs();
  let before = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    const waitedNow = waitedMs();
    late.push(now - before - (waitedNow - waited) - ASKED_MS);
    waited = waitedNow;
    before = now;
  }, ASKED_MS);
  return () => {
    clearInterval(timer);
    return late;
  };
}

/** What the last scrapes took, as Prometheus says a moment after them. */
async function lastScrapes(prometheus: PrometheusServer): Promise<readonly { value: number }[]> {
  const range = `scrape_duration_seconds[${(scrapes + MORE_SCRAPES) * INTERVAL_SECONDS}s]`;
  for (let tries = 0; tries < TOLD_TRIES; tries++) {
    const told = await prometheus.samples(range).catch(() => []); // none yet
    if (told.length >= scrapes) return told.slice(-scrapes);
    await sleep(500);
  }
  throw new Error(`Prometheus tells of fewer than ${scrapes} scrapes`);
}

async function measure(figures: Figures, lines: number, format: keyof typeof FORMATS) {
  const blocks = [...connectionBlocks(lines / 2), ...histogramBlocks(lines / 2)];
  const pages: PageStatistics[] = [];
  await using server = await startServer(
    {
      blocks: async () => blocks,
      health: () => ({ ready: true, problems: [], snapshotAgeMs: 0 }),
    },
    { host: '127.0.0.1', port: 0 },
    { onPage: (page) => pages.push(page) },
  );
  const folder = mkdtempSync(join(tmpdir(), 'kube-netc-scrape-'));
  const target = `127.0.0.1:${server.address.port}`;
  const prometheus = await PrometheusServer.start(
    { folder },
    `{ global: { scrape_interval: ${INTERVAL_SECONDS}s }, scrape_configs: [{ job_name: x, honor_labels: true, static_configs: [{ targets: ['${target}'] }] }] }`,
    FORMATS[format],
  );
  try {
    while (pages.length === 0) await sleep(50); // the first has its labels to encode
    await sleep(2000);
    pages.length = 0;
    const loop = watchLoop();
    while (pages.length < scrapes) await sleep(200);
    await sleep(2000);
    const seconds = await lastScrapes(prometheus);
    const of = { lines, format };
    const late = loop();
    figures.add('samples', of, '', await prometheus.value('scrape_samples_scraped'));
    figures.add(
      'scrape',
      of,
      'ms',
      seconds.map(({ value }) => value * 1_000),
      1,
    );
    figures.add(
      'page',
      of,
      'ms',
      pages.map((page) => page.seconds * 1_000),
      2,
    );
    figures.add('event loop held, longest', of, 'ms', Math.max(...late), 2);
    figures.add('event loop held, 99 %', of, 'ms', quantile(late, 0.99), 2);
  } finally {
    await prometheus.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

await bench(async (figures) => {
  for (const lines of [10_000, 100_000]) {
    for (const format of ['openmetrics', 'protobuf'] as const) {
      progress(`scrape: ${lines} lines, ${format}`);
      await measure(figures, lines, format);
    }
  }
});
