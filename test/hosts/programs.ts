import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { HostProcess } from './host-process.ts';
import type { Host, SpawnOptions } from './host.ts';
import type { Lab } from './lab.ts';

/** A real server in the foreground, with its files in the lab's folder. */
export interface Service {
  readonly port: number;
  readonly process: HostProcess;
  stop(): Promise<void>;
}

function service(process: HostProcess, port: number): Service {
  return { port, process, stop: async () => void (await process.stop()) };
}

function freshFolder(lab: Lab, name: string): string {
  return mkdtempSync(join(lab.folder, `${name}-`));
}

/** Starts `iperf3 -s`. */
export async function startIperf3(host: Host, port = 5201, spawn?: SpawnOptions): Promise<Service> {
  const child = host.spawn(['iperf3', '--server', '--port', String(port), '--forceflush'], spawn);
  await host.waitForPort(port, 'tcp', child);
  return service(child, port);
}

export interface Iperf3Options {
  readonly address: string;
  readonly port?: number;
  readonly seconds?: number;
  readonly udp?: boolean;
  /** A limit of the rate; without one TCP is as fast as it can be, UDP 1 Mbit/s. */
  readonly bitsPerSecond?: number;
  readonly streams?: number;
  /** The server sends. */
  readonly reverse?: boolean;
  /** More arguments of iperf3(1). */
  readonly more?: readonly string[];
}

export interface Iperf3Report {
  /** Payload of the streams, without that of iperf3's own control connection. */
  readonly sentBytes: number;
  readonly receivedBytes: number;
  readonly sentBitsPerSecond: number;
  readonly receivedBitsPerSecond: number;
  readonly seconds: number;
  /** All that iperf3 printed. */
  readonly raw: unknown;
}

interface Iperf3Sum {
  readonly bytes: number;
  readonly bits_per_second: number;
  readonly seconds: number;
}

/** Runs an iperf3 client to its end. */
export async function runIperf3(
  host: Host,
  options: Iperf3Options,
  spawn?: SpawnOptions,
): Promise<Iperf3Report> {
  const child = startIperf3Client(host, options, spawn);
  return readIperf3(await child.success());
}

/** Starts an iperf3 client; readIperf3() understands what it prints at its end. */
export function startIperf3Client(host: Host, options: Iperf3Options, spawn?: SpawnOptions): HostProcess {
  const { address, port = 5201, seconds = 2, udp, bitsPerSecond, streams = 1, reverse, more = [] } = options;
  const argv = ['iperf3', '--json', '--client', address, '--port', String(port), '--time', String(seconds)];
  if (udp === true) argv.push('--udp');
  if (reverse === true) argv.push('--reverse');
  if (bitsPerSecond !== undefined) argv.push('--bitrate', String(bitsPerSecond));
  return host.spawn([...argv, '--parallel', String(streams), ...more], spawn);
}

export function readIperf3(text: string): Iperf3Report {
  const raw = JSON.parse(text) as { end: Record<string, Iperf3Sum | undefined> };
  const sent = raw.end['sum_sent'] ?? raw.end['sum'];
  const received = raw.end['sum_received'] ?? raw.end['sum'];
  if (sent === undefined || received === undefined)
    throw new Error(`iperf3 printed no sums: ${text.slice(0, 300)}`);
  return {
    sentBytes: sent.bytes,
    receivedBytes: received.bytes,
    sentBitsPerSecond: sent.bits_per_second,
    receivedBitsPerSecond: received.bits_per_second,
    seconds: sent.seconds,
    raw,
  };
}

export interface NginxOptions {
  readonly port?: number;
  readonly workers?: number;
  /** Paths without the leading slash, and what they hold. */
  readonly files?: Readonly<Record<string, string | Uint8Array>>;
  /** More lines of its `server` block. */
  readonly server?: string;
}

/** Starts nginx in the foreground, serving files by sendfile. */
export async function startNginx(
  lab: Lab,
  host: Host,
  options: NginxOptions = {},
  spawn?: SpawnOptions,
): Promise<Service> {
  const { port = 80, workers = 1, files = { 'index.html': 'hello\n' } } = options;
  const folder = freshFolder(lab, 'nginx');
  mkdirSync(join(folder, 'html'));
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, 'html', name), content);
  writeFileSync(join(folder, 'nginx.conf'), nginxConfig(folder, port, workers, options.server ?? ''));
  const child = host.spawn(
    ['nginx', '-p', folder, '-c', join(folder, 'nginx.conf'), '-e', join(folder, 'error.log')],
    spawn,
  );
  await host.waitForPort(port, 'tcp', child);
  return service(child, port);
}

/** Every file that nginx writes is in `folder`: an unpacked nginx has no folders of its own. */
function nginxConfig(folder: string, port: number, workers: number, server: string): string {
  const kinds = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  return `daemon off;
user root;
worker_processes ${workers};
pid ${folder}/nginx.pid;
events { worker_connections 10000; }
http {
  access_log off;
  sendfile on;
  ${kinds.map((kind) => `${kind}_temp_path ${folder}/${kind};`).join('\n  ')}
  server {
    listen ${port};
    listen [::]:${port};
    root ${folder}/html;
    ${server}
  }
}
`;
}

export interface WrkReport {
  readonly requests: number;
  /** Of the responses, headers too. */
  readonly bytes: number;
  readonly errors: number;
  readonly seconds: number;
  readonly requestsPerSecond: number;
}

const WRK_REPORT = `done = function(summary, latency, requests)
  local e = summary.errors
  io.write(string.format('\\nREPORT {"requests":%d,"bytes":%d,"errors":%d,"seconds":%f}\\n', summary.requests,
    summary.bytes, e.connect + e.read + e.write + e.status + e.timeout, summary.duration / 1e6))
end
`;

export interface WrkOptions {
  readonly url: string;
  readonly connections?: number;
  readonly threads?: number;
  readonly seconds?: number;
}

/** Runs wrk to its end. */
export async function runWrk(
  lab: Lab,
  host: Host,
  options: WrkOptions,
  spawn?: SpawnOptions,
): Promise<WrkReport> {
  const { url, connections = 8, threads = 1, seconds = 2 } = options;
  const script = join(freshFolder(lab, 'wrk'), 'report.lua');
  writeFileSync(script, WRK_REPORT);
  const numbers = ['-c', String(connections), '-t', String(threads), '-d', `${seconds}s`];
  const text = await host.spawn(['wrk', ...numbers, '-s', script, url], spawn).success();
  const report = JSON.parse(/^REPORT (.*)$/m.exec(text)?.[1] ?? 'null') as Omit<
    WrkReport,
    'requestsPerSecond'
  > | null;
  if (report === null) throw new Error(`wrk printed no report: ${text.slice(0, 300)}`);
  return { ...report, requestsPerSecond: report.requests / report.seconds };
}

export interface DnsmasqOptions {
  readonly port?: number;
  /** Names and their addresses, of both families. */
  readonly records: Readonly<Record<string, string | readonly string[]>>;
}

/** Starts a DNS server that knows these names alone. */
export async function startDnsmasq(
  host: Host,
  options: DnsmasqOptions,
  spawn?: SpawnOptions,
): Promise<Service> {
  const { port = 53, records } = options;
  const argv = [
    'dnsmasq',
    '--keep-in-foreground',
    '--conf-file=/dev/null',
    '--log-facility=-',
    '--user=root',
  ];
  argv.push('--no-resolv', '--no-hosts', '--pid-file', `--port=${port}`);
  for (const [name, addresses] of Object.entries(records)) {
    argv.push(`--host-record=${[name, ...[addresses].flat()].join(',')}`);
  }
  const child = host.spawn(argv, spawn);
  await host.waitForPort(port, 'udp', child);
  return service(child, port);
}

export interface DigOptions {
  readonly server: string;
  readonly name: string;
  readonly port?: number;
  readonly type?: 'A' | 'AAAA';
  readonly tcp?: boolean;
}

export interface DigReport {
  /** NOERROR, NXDOMAIN and so on. */
  readonly status: string;
  readonly addresses: readonly string[];
}

/** Asks a DNS server one question. */
export async function runDig(host: Host, options: DigOptions, spawn?: SpawnOptions): Promise<DigReport> {
  const { server, name, port = 53, type = 'A', tcp = false } = options;
  const argv = [
    'dig',
    `@${server}`,
    '-p',
    String(port),
    name,
    type,
    '+tries=1',
    '+time=5',
    tcp ? '+tcp' : '+notcp',
  ];
  const text = await host.spawn([...argv, '+noall', '+comments', '+answer'], spawn).success();
  const answers = text.split('\n').map((line) => line.split(/\s+/));
  return {
    status: /status: (\w+)/.exec(text)?.[1] ?? '',
    addresses: answers.filter((words) => words[3] === type).map((words) => words[4] ?? ''),
  };
}

export interface CurlReport {
  readonly status: number;
  readonly body: string;
  /** What the server sent: its headers and its body, as bytes of TCP payload when it is not chunked. */
  readonly receivedBytes: number;
  /** What curl sent: its headers and its body. */
  readonly sentBytes: number;
  readonly localPort: number;
}

/** Fetches a URL with HTTP/1.1. `more` are arguments of curl(1). */
export async function runCurl(
  host: Host,
  url: string,
  more: readonly string[] = [],
  spawn?: SpawnOptions,
): Promise<CurlReport> {
  const written =
    '\nREPORT %{http_code} %{size_header} %{size_download} %{size_request} %{size_upload} %{local_port}';
  const argv = ['curl', '--silent', '--show-error', '--http1.1', '--max-time', '60', '--write-out', written];
  const text = await host.spawn([...argv, ...more, url], spawn).success();
  const at = text.lastIndexOf('\nREPORT ');
  const [status = 0, headers = 0, body = 0, request = 0, upload = 0, localPort = 0] = text
    .slice(at + 8)
    .split(' ')
    .map(Number);
  return {
    status,
    body: text.slice(0, at),
    receivedBytes: headers + body,
    sentBytes: request + upload,
    localPort,
  };
}
