import { connect } from 'node:net';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Name } from './quantities.ts';

/** What scrapers ask for: all but what the agent says of itself, which is read apart, since some of it begins anew with each page. */
const PATH = '/metrics?collect[]=connections&collect[]=workloads';
const OPENMETRICS = 'application/openmetrics-text;version=1.0.0';
const PROTOBUF = 'application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited';
const SLOW_BYTES = 4096;
const SLOW_MS = 100;

/** The kinds of scrapers, and which course their times go to. */
export const SCRAPERS: readonly { readonly name: Name; readonly headers: Record<string, string> }[] = [
  { name: 'textMs', headers: { accept: 'text/plain', 'accept-encoding': 'identity' } },
  { name: 'openMetricsMs', headers: { accept: OPENMETRICS, 'accept-encoding': 'gzip' } },
  { name: 'protobufMs', headers: { accept: PROTOBUF, 'accept-encoding': 'identity' } },
];

/** One scrape. @returns the milliseconds to its last byte. Throws when the agent refuses */
export async function scrape(url: string, headers: Record<string, string>): Promise<number> {
  const fromMs = performance.now();
  const response = await fetch(`${url}${PATH}`, { headers });
  const body = await response.bytes();
  if (!response.ok)
    throw new Error(`a scrape was answered ${response.status}: ${Buffer.from(body).toString()}`);
  return performance.now() - fromMs;
}

/** Reads a page at 40 kB a second. @returns how many bytes came, before the end, or before the agent or `stop` cut it off */
export async function scrapeSlowly(url: string, stop: AbortSignal): Promise<number> {
  const socket = connect({ port: Number(new URL(url).port), host: '127.0.0.1' });
  const closed = once(socket, 'close');
  socket.on('error', () => {}); // cut off
  socket.write(`GET ${PATH} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
  let bytes = 0;
  socket.pause();
  while (!stop.aborted && !socket.destroyed && !socket.readableEnded) {
    bytes += (socket.read(SLOW_BYTES) as Buffer | null)?.length ?? 0;
    await sleep(SLOW_MS);
  }
  socket.destroy();
  await closed;
  return bytes;
}
