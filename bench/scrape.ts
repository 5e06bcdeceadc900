// A real Prometheus that scrapes 10,000 and 100,000 lines of text, half of them of histograms, every 5 s: OpenMetrics, then
// protobuf with native histograms. How long a scrape took it, and a page the server, and how long the server's event loop
// was held. The server runs at real-time priority: see holds.ts. As root: node bench/scrape.ts [scrapes]
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { PrometheusServer } from '../test/support/prometheus.ts';
import { bench, type Figures, progress } from './support/bench.ts';
import { HoldsOf, REAL_TIME, recordHolds } from './support/holds.ts';
import { Standstill } from './support/standstill.ts';

const scrapes = Number(process.argv[2] ?? 6);
const INTERVAL_SECONDS = 5;
/** How often it is looked how long the event loop was held. */
const WINDOW_MS = 5;
/** On a busy machine a scrape is told of late. */
const MORE_SCRAPES = 6;
const TOLD_TRIES = 40;
const FORMATS = { openmetrics: [], protobuf: ['--enable-feature=native-histograms'] };
const SERVER = join(import.meta.dirname, 'support/scrape-server.ts');

/** A server of so many lines, its address, and how long its pages took. */
async function serve(lines: number, holdsFile: string) {
  const [program, ...args] = [...REAL_TIME, process.execPath, SERVER, String(lines)];
  const child: ChildProcess = spawn(program, args, {
    env: { ...process.env, ...recordHolds(holdsFile, WINDOW_MS) },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const pagesMs: number[] = [];
  const [{ port }] = (await once(child, 'message')) as [{ port: number }];
  child.on('message', ({ pageMs }: { pageMs: number }) => pagesMs.push(pageMs));
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    await once(child, 'exit');
  };
  return { address: `127.0.0.1:${port}`, pagesMs, stop };
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
  const folder = mkdtempSync(join(tmpdir(), 'kube-netc-scrape-'));
  const holdsFile = join(folder, 'holds.json');
  using standstill = new Standstill();
  const { address, pagesMs, stop } = await serve(lines, holdsFile);
  const prometheus = await PrometheusServer.start(
    { folder },
    `{ global: { scrape_interval: ${INTERVAL_SECONDS}s }, scrape_configs: [{ job_name: x, honor_labels: true, static_configs: [{ targets: ['${address}'] }] }] }`,
    FORMATS[format],
  );
  try {
    while (pagesMs.length === 0) await sleep(50); // the first has its labels to encode
    await sleep(2000);
    pagesMs.length = 0;
    const fromMs = Date.now();
    while (pagesMs.length < scrapes) await sleep(200);
    await sleep(2000);
    const toMs = Date.now();
    const seconds = await lastScrapes(prometheus);
    const of = { lines, format };
    figures.add('samples', of, '', await prometheus.value('scrape_samples_scraped'));
    const scrapesMs = seconds.map(({ value }) => value * 1_000);
    figures.add('scrape', of, 'ms', scrapesMs, 1);
    figures.add('page', of, 'ms', pagesMs, 2);
    await stop();
    new HoldsOf(holdsFile, standstill).addTo(figures, of, fromMs, toMs);
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
