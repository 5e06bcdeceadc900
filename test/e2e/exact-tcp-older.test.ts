// Connections that live on both sides of the agent's start: it reads the kernel's own books, so it has missed nothing.
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { HostProcess } from '../hosts/host-process.ts';
import { HeldTcp, runTcpClient, startTcpClient, startTcpServer } from '../hosts/tcp-traffic.ts';
import type { TcpTotals } from '../hosts/tcp-traffic.ts';
import type { TrafficServer } from '../hosts/traffic-program.ts';
import { whyNoLab } from '../hosts/why-no-lab.ts';
import type { TestAgent } from '../support/agent.ts';
import { ExactLab, FAMILIES, type Family, freshPage, startAgent } from '../support/exact-lab.ts';
import { setUp } from '../support/set-up.ts';
import { mirrored } from '../support/tcp-exactness.ts';

const skip = whyNoLab();
const LIMIT = { timeout: 60_000, interval: 20 };

/** A server that ends its half as soon as it has the client's first bytes, and a client that then ends nothing. */
const HALF_SERVER = `require('node:net').createServer({ allowHalfOpen: true }, (socket) => {
  socket.on('error', () => {});
  socket.once('data', () => socket.end('x'.repeat(777)));
}).listen(0, '::', function () { console.log('port', this.address().port); });`;
const HALF_CLIENT = `const [address, port] = process.argv.slice(1);
const sockets = Array.from({ length: 5 }, () => {
  const socket = require('node:net').connect({ host: address, port, allowHalfOpen: true });
  socket.write('y'.repeat(555));
  socket.resume();
  socket.on('end', () => { if (++ended === 5) console.log('half closed'); });
  return socket;
});
let ended = 0;
process.stdin.once('data', () => sockets.forEach((socket) => socket.write('z'.repeat(100), () => console.log('wrote'))));
process.stdin.on('end', () => sockets.forEach((socket) => socket.end()));`;

describe('connections older than the agent', () => {
  let exact: ExactLab;
  let serving: TrafficServer<TcpTotals>;
  const agents: TestAgent[] = [];

  setUp(skip, async (closing) => {
    exact = closing.use(await ExactLab.open());
    serving = await startTcpServer(exact.server);
  });
  afterEach(async () => {
    for (const agent of agents.splice(0)) await agent[Symbol.asyncDispose]();
  });

  async function start(): Promise<TestAgent> {
    const agent = await startAgent('--udp', 'off');
    agents.push(agent);
    return agent;
  }

  /** Both ends of what `held` did, by the page, equal its totals. The client's port is the server's: so its role is right. */
  async function expectTotals(
    agent: TestAgent,
    family: Family,
    totals: TcpTotals,
    active: number,
  ): Promise<void> {
    const [from, to] = exact.addresses(family);
    await exact.settled(active);
    const page = await freshPage(agent, 'connections');
    expect({ client: page.pair(from, to, serving.port), server: page.pair(to, from) }).toEqual({
      client: { sentBytes: totals.wroteBytes, receivedBytes: totals.readBytes, active },
      server: mirrored(totals, active),
    });
    expect(page.pair(to, from, serving.port)).toEqual({ sentBytes: 0, receivedBytes: 0, active: 0 });
  }

  it.each(FAMILIES)(
    'have their true totals and roles at once, later, and when they close (%s)',
    async (family) => {
      const [, address] = exact.addresses(family);
      const sizes = { request: [16, 3_000], response: [1, 9_000] } as const;
      const held = await HeldTcp.open(exact.client, {
        address,
        port: serving.port,
        connections: 60,
        ...sizes,
      });
      const agent = await start();
      await expectTotals(agent, family, held.ready, 60);
      await expectTotals(agent, family, await held.send(5_000, 3), 60);
      await expectTotals(agent, family, await held.drop(25), 35);
      await expectTotals(agent, family, await held.more(10), 45); // these are younger
      await expectTotals(agent, family, await held.close(), 0);
    },
  );

  it('keep them when the agent is killed and started again', async () => {
    const [from, to] = exact.addresses();
    const options = { address: to, port: serving.port };
    const held = await HeldTcp.open(exact.client, { ...options, connections: 30, response: [1, 9_000] });
    const first = await start();
    const short = await runTcpClient(exact.client, { ...options, connections: 40 });
    const page = await freshPage(first, 'connections');
    expect(page.pair(from, to).sentBytes).toBe(held.ready.wroteBytes + short.wroteBytes);
    first.process.kill('SIGKILL');
    await first.ended;
    const meanwhile = await held.send(4_000, 2);
    const second = await start();
    // counters start again, as they do for Prometheus; what is alive is there in full
    await expectTotals(second, 'IPv4', meanwhile, 30);
    await expectTotals(second, 'IPv4', await held.send(100), 30);
    await expectTotals(second, 'IPv4', await held.close(), 0);
  });

  it('are exact while half closed, and when the other half closes', async () => {
    const [from, to] = exact.addresses();
    const server = exact.server.spawn([process.execPath, '-e', HALF_SERVER]);
    const port = Number((await server.line(/^port/)).slice(5));
    const client: HostProcess = exact.client.spawn([process.execPath, '-e', HALF_CLIENT, to, String(port)]);
    await client.line(/^half closed/);
    const agent = await start();
    const expected = async (sentBytes: number, active: number): Promise<void> => {
      await exact.settled(active);
      const page = await freshPage(agent, 'connections');
      expect({ client: page.pair(from, to, port), server: page.pair(to, from) }).toEqual({
        client: { sentBytes, receivedBytes: 5 * 777, active },
        server: { sentBytes: 5 * 777, receivedBytes: sentBytes, active },
      });
    };
    await expected(5 * 555, 5);
    client.write('more\n');
    for (let i = 0; i < 5; i++) await client.line(/^wrote/);
    await expected(5 * 655, 5);
    client.closeInput();
    await client.ended;
    await expected(5 * 655, 0);
    await server.stop();
  });

  it('are counted when they close, if nobody had accepted them when the agent started', async () => {
    const [from, to] = exact.addresses();
    const waiting = await startTcpServer(exact.server);
    process.kill(waiting.process.pid, 'SIGSTOP');
    const options = { address: to, port: waiting.port, connections: 1, parallel: 20 };
    const running = startTcpClient(exact.client, { ...options, request: [16, 9_000], response: [0, 9_000] });
    const established = ['ss', '-Htn', 'state', 'established', 'sport', '=', `:${waiting.port}`];
    await vi.waitFor(
      async () => expect((await exact.server.exec(established)).split('\n')).toHaveLength(21),
      LIMIT,
    );
    const agent = await start();
    process.kill(waiting.process.pid, 'SIGCONT');
    const [sent, served] = [await running.end(), await waiting.stop()];
    await exact.settled();
    const page = await freshPage(agent, 'connections');
    expect({ client: page.pair(from, to, waiting.port), server: page.pair(to, from) }).toEqual({
      client: { sentBytes: sent.wroteBytes, receivedBytes: sent.readBytes, active: 0 },
      server: { sentBytes: served.wroteBytes, receivedBytes: served.readBytes, active: 0 },
    });
    expect(page.value('kube_netc_agent_lost_total', { reason: 'unseen_closed' })).toBeGreaterThanOrEqual(20);
  });
});
