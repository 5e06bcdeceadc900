// Processes with names that were made to break pages and terminals, and scrapers that behave badly.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findTool } from '../hosts/find-tool.ts';
import { run } from '../hosts/host-process.ts';
import { HeldTcp, startTcpServer } from '../hosts/tcp-traffic.ts';
import { whyNoLab } from '../hosts/why-no-lab.ts';
import { runCommand, TestAgent } from '../support/agent.ts';
import { ExactLab, freshPage } from '../support/exact-lab.ts';
import { commOf, holdTcpAs, HOSTILE_NAMES } from '../support/named-process.ts';
import { namedByProcess } from '../support/owners.ts';

const why = whyNoLab();
/** More than the budget of 2,000 series: a page of several megabytes, more than socket buffers hold. */
const CONNECTIONS = 2_500;
// What moves the cursor, changes colours, rings or turns the reading direction; a line feed ends a line.
const HARMFUL = /[\p{Cc}\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/u;

interface Row {
  readonly comm: string;
  readonly ownerName: string;
}

describe('the agent', () => {
  let exact: ExactLab;
  let agent: TestAgent;
  let held: HeldTcp;
  let address: string;

  beforeAll(async () => {
    if (why !== null) return;
    exact = await ExactLab.open(namedByProcess());
    const { port } = await startTcpServer(exact.server);
    address = exact.server.v4;
    agent = await TestAgent.start();
    for (const name of HOSTILE_NAMES)
      await holdTcpAs(exact.lab, exact.client, name, { address, port, connections: 1 });
    held = await HeldTcp.open(exact.client, { address, port, connections: CONNECTIONS });
  });
  afterAll(async () => {
    await held?.close();
    await agent?.[Symbol.asyncDispose]();
    await exact?.close();
  });

  async function request(path = '/metrics'): Promise<Socket> {
    const socket = connect(Number(new URL(agent.url).port), '127.0.0.1').on('error', () => {});
    await once(socket, 'connect');
    socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    return socket;
  }

  /** Expects that pages are whole, and that nothing went wrong inside. */
  async function expectServing(): Promise<void> {
    const page = await agent.rawPage();
    expect(page.find('bytes_sent').length).toBeGreaterThan(1_000);
    expect(page.text.endsWith('\n')).toBe(true);
    expect(agent.process.exitCode).toBeNull();
    expect(agent.log).not.toContain('"level":50');
  }

  it('writes names of any bytes so that promtool takes the page and a reader gets them back', async (context) => {
    if (why !== null) context.skip(why);
    const page = await freshPage(agent, 'connections', 'workloads');
    const names = page
      .find('bytes_sent', { source_address: exact.client.v4 })
      .map(({ labels }) => labels['source_name']);
    expect(names).toEqual(expect.arrayContaining(HOSTILE_NAMES.map(commOf)));
    expect(await run([findTool('promtool'), 'check', 'metrics'], page.text)).toBe('');
  });

  it.for(['table', 'wide'])(
    'is joined by a %s of connections that does nothing to a terminal',
    async (output, context) => {
      if (why !== null) context.skip(why);
      const { stdout } = await runCommand([
        'connections',
        '-o',
        output,
        '--address',
        address,
        '--limit',
        '100000',
      ]);
      const lines = stdout.trimEnd().split('\n');
      expect(lines.filter((line) => HARMFUL.test(line))).toEqual([]);
      expect(lines).toHaveLength(1 + 2 * (CONNECTIONS + HOSTILE_NAMES.length));
      expect(stdout).toContain(String.raw`\x1b[2J\x1b[31m`);
    },
  );

  it('is joined by JSON of connections with the names as they are, which --process finds', async (context) => {
    if (why !== null) context.skip(why);
    for (const name of HOSTILE_NAMES.slice(0, 2)) {
      const { stdout } = await runCommand([
        'connections',
        '-o',
        'json',
        '--process',
        commOf(name),
        '--address',
        address,
      ]);
      expect((JSON.parse(stdout) as Row[]).map(({ comm, ownerName }) => [comm, ownerName])).toEqual([
        [commOf(name), commOf(name)],
      ]);
    }
  });

  it('goes on while others read a byte now and then', async (context) => {
    if (why !== null) context.skip(why);
    const slow = await Promise.all([request(), request(), request('/metrics?collect[]=connections')]);
    for (let i = 0; i < 3; i++) {
      for (const socket of slow) socket.pause().read(1);
      await expectServing();
    }
    expect(slow.map(({ closed }) => closed)).toEqual([false, false, false]);
    for (const socket of slow) socket.destroy();
  });

  it('gives fifty scrapes at once a whole page each', async (context) => {
    if (why !== null) context.skip(why);
    const kinds = ['text/plain', 'application/openmetrics-text;version=1.0.0'];
    const scrapes = Array.from({ length: 50 }, async (_, i) => {
      const accept = kinds[i % 2] ?? '';
      const encoding = i % 4 < 2 ? 'gzip' : 'identity';
      const headers = { Accept: accept, 'Accept-Encoding': encoding };
      const response = await fetch(`${agent.url}/metrics`, { headers });
      const text = await response.text();
      return {
        status: response.status,
        end: text.endsWith(i % 2 === 0 ? '\n' : '# EOF\n'),
        series: text.split('\n').length,
      };
    });
    const answers = await Promise.all(scrapes);
    expect(answers.filter(({ status, end, series }) => status !== 200 || !end || series < 10_000)).toEqual(
      [],
    );
  });

  it('goes on when scrapers go away at any moment', async (context) => {
    if (why !== null) context.skip(why);
    for (let round = 0; round < 30; round++) {
      const socket = await request();
      if (round % 3 > 0) await sleep(round);
      if (round % 2 === 0) socket.destroy();
      else socket.resetAndDestroy();
    }
    await expectServing();
  });

  it('goes on when more connect than it takes', async (context) => {
    if (why !== null) context.skip(why);
    const many = await Promise.all(Array.from({ length: 300 }, () => request('/healthz')));
    for (const socket of many) socket.destroy();
    await expectServing();
  });

  it('ends by SIGTERM with exit code 0 after all this', async (context) => {
    if (why !== null) context.skip(why);
    expect(await agent.stop()).toEqual({ code: 0, signal: null });
  });
});
