// An agent that gets less than it wants: of memory, CPU, descriptors, and of somebody who reads its log.
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type Socket } from 'node:net';
import { describe, expect, it, vi } from 'vitest';
import { programsOf } from '../../src/libbpf/trial-load.ts';
import { findTool } from '../hosts/find-tool.ts';
import { HeldMany } from '../hosts/held-many.ts';
import { run } from '../hosts/host-process.ts';
import { HeldTcp, startTcpServer, type TcpTotals } from '../hosts/tcp-traffic.ts';
import { whyNoLab } from '../hosts/why-no-lab.ts';
import { runCommand, spawnAgent, TestAgent } from '../support/agent.ts';
import { heldBy, leftOf, NOTHING, orphans } from '../support/bpf-objects.ts';
import { ExactLab, freshPage, type PageSource, startAgent } from '../support/exact-lab.ts';
import { freePort } from '../support/free-port.ts';
import { FullPipe } from '../support/full-pipe.ts';
import { LimitedCgroup } from '../support/limited.ts';
import { Page } from '../support/page.ts';
import { setUp } from '../support/set-up.ts';
import { clientSums, mirrored } from '../support/tcp-exactness.ts';

const skip = whyNoLab();
/** So many series that sockets of other tests leave room for ours. */
const SERIES_FLAGS = ['--series', '20000'];
const FLAGS = ['--udp', 'off', '--max-sockets', '16384', ...SERIES_FLAGS];
const CONNECTIONS = 200;
const MIB = 2 ** 20;
/** Of which a page has some 5 MB. */
const SERIES = 3_000;
/** For what takes its time on a machine that is busy, or on a share of it. */
const PATIENCE = { timeout: 60_000, interval: 100 };

describe('an agent', () => {
  let exact: ExactLab;
  let port: number;
  let held: HeldTcp;

  setUp(skip, async (closing) => {
    exact = closing.use(await ExactLab.open());
    ({ port } = await startTcpServer(exact.server));
    const address = exact.server.v4;
    held = await HeldTcp.open(exact.client, { address, port, connections: CONNECTIONS, request: 3_000 });
  });

  /** Both ends of all held connections are on the page, to the byte. */
  async function expectAll(agent: PageSource, sent: TcpTotals): Promise<void> {
    const page = await freshPage(agent, 'connections');
    const [from, to] = exact.addresses();
    expect({ client: page.pair(from, to, port), server: page.pair(to, from) }).toEqual({
      client: clientSums(sent, CONNECTIONS),
      server: mirrored(sent, CONNECTIONS),
    });
  }

  it('with 5 % of a CPU is late and exact, and in time again when it has more', async (context) => {
    await using cpu = LimitedCgroup.open('cpu', `kube-netc-test-${randomInt(1e9)}`);
    if (cpu === null) {
      context.skip('no cgroup here limits the CPU');
      return;
    }
    await using agent = await TestAgent.start(FLAGS, {}, cpu.prefix);
    cpu.limit(0.05);
    await expectAll(agent, await held.send(100_000));
    await expectAll(agent, await held.send(70));
    cpu.limit(null);
    await expectAll(agent, await held.send(1_000));
    expect(agent.log).not.toContain('"level":50');
    expect(await agent.stop()).toEqual({ code: 0, signal: null });
  });

  it('that the memory limit ends leaves nothing behind, and the next one has every byte', async (context) => {
    await using memory = LimitedCgroup.open('memory', `kube-netc-test-${randomInt(1e9)}`);
    if (memory === null) {
      context.skip('no cgroup here limits memory');
      return;
    }
    memory.limit(30 * MIB);
    const ended = spawnAgent(['--listen', '127.0.0.1:0', ...FLAGS], {}, memory.prefix);
    const [code, signal] = (await once(ended, 'exit')) as [number | null, string | null];
    expect({ code, signal }).toEqual({ code: null, signal: 'SIGKILL' });
    const sent = await held.send(5_000);
    const names = programsOf('build/kube-netc.bpf.o').map(({ name }) => name);
    expect(await orphans(names)).toEqual([]);
    memory.limit(256 * MIB); // what the manifest gives it
    await using agent = await TestAgent.start(SERIES_FLAGS, {}, memory.prefix);
    await expectAll(agent, sent);
    await expectAll(agent, await held.send(110));
    expect(await agent.stop()).toEqual({ code: 0, signal: null });
  });

  it('that the memory limit ends amid its work leaves nothing behind, and the next one has every byte', async (context) => {
    await using memory = LimitedCgroup.open('memory', `kube-netc-test-${randomInt(1e9)}`);
    if (memory === null) {
      context.skip('no cgroup here limits memory');
      return;
    }
    const many = await HeldMany.open(await exact.lab.host('many'), { connections: SERIES, reset: true });
    await using agent = await TestAgent.start(FLAGS, {}, memory.prefix);
    await expectAll(agent, await held.send(300));
    const objects = await heldBy(agent.process.pid ?? 0);
    memory.limit(memory.memoryBytes + 8 * MIB);
    const readers: Socket[] = []; // of pages of 5 MB each, that nobody reads
    while (agent.process.signalCode === null && readers.length < 200) {
      const socket = await connected(agent.url).catch(() => null);
      socket?.pause().write('GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n');
      if (socket !== null) readers.push(socket);
      await sleep(100);
    }
    expect(await agent.ended).toEqual({ code: null, signal: 'SIGKILL' });
    for (const socket of readers) socket.destroy();
    await many.close();
    expect(await leftOf(objects)).toEqual(NOTHING);
    const sent = await held.send(450);
    memory.limit(256 * MIB);
    await using next = await TestAgent.start(FLAGS, {}, memory.prefix);
    await expectAll(next, sent);
    expect(await next.stop()).toEqual({ code: 0, signal: null });
  });

  it('without descriptors to spare says so, counts on, and heals', async () => {
    await using agent = await startAgent(...FLAGS);
    const { pid = 0 } = agent.process;
    const nofile = async (limit: number): Promise<string> =>
      run([findTool('prlimit'), '--pid', String(pid), `--nofile=${limit}:20000`]);
    const kept = await connected(agent.url); // so that the agent can be asked when it takes no more
    await nofile(readdirSync(`/proc/${pid}/fd`).length); // numbers below it are free, and the sockets take them
    const sockets = await Promise.all(Array.from({ length: 50 }, () => connected(agent.url)));
    const sent = await held.send(50_000);
    await vi.waitFor(async () => expect(await ready(kept)).toContain('the last snapshot failed'), PATIENCE);
    expect(agent.log).toContain('Too many open files');
    for (const socket of sockets) socket.destroy();
    await nofile(20_000);
    await expectAll(agent, sent);
    expect(await (await fetch(`${agent.url}/readyz`)).text()).not.toContain('snapshot failed');
    kept.destroy();
    expect(await agent.stop()).toEqual({ code: 0, signal: null });
  });

  it('that may open too few descriptors to start says so in a line', async () => {
    const prefix = [findTool('prlimit'), '--nofile=32:32'];
    const { code, stderr } = await runCommand(['agent', '--listen', '127.0.0.1:0'], { prefix });
    expect(stderr).toMatch(/^kube-netc: \P{Cc}*[Tt]oo many open files\P{Cc}* \(E_\w+\)\n$/u);
    expect(code).toBe(1);
  });

  it('whose log nobody reads serves all the same, and its log is read later', async () => {
    using pipe = new FullPipe(exact.lab.folder);
    const url = `http://127.0.0.1:${await freePort()}`;
    const agent = spawnAgent(['--listen', url.slice(7), '--interval', '100ms', ...FLAGS], {}, pipe.prefix);
    const ended = once(agent, 'exit');
    const source = { rawPage: async (query = ''): Promise<Page> => pageOf(url, query) };
    await vi.waitFor(async () => source.rawPage(), PATIENCE);
    await expectAll(source, await held.send(900));
    let log = '';
    await vi.waitFor(() => expect((log += pipe.drain())).toContain('"msg":"serving http'), PATIENCE);
    agent.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
    expect(log + pipe.drain()).toContain('stopping on SIGTERM');
  });
});

async function connected(url: string): Promise<Socket> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1').on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

/** What /readyz says, after a look at a page, on a connection that stays open. */
async function ready(socket: Socket): Promise<string> {
  let answer = '';
  socket.on('data', (data: Buffer) => (answer += data.toString()));
  for (const path of ['/metrics?collect[]=agent', '/readyz'])
    socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
  await vi.waitFor(() => expect(answer.split('HTTP/1.1 ')).toHaveLength(3), PATIENCE);
  socket.removeAllListeners('data');
  return answer.split('HTTP/1.1 ').at(-1) ?? '';
}

async function pageOf(url: string, query: string): Promise<Page> {
  const response = await fetch(`${url}/metrics${query}`);
  return new Page(await response.text());
}
