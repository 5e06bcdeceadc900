// How the agent ends: by signals, at any moment, with clients of all kinds, and what it leaves in the kernel: nothing.
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { programsOf } from '../../src/libbpf/trial-load.ts';
import { HeldTcp, startTcpServer } from '../hosts/tcp-traffic.ts';
import { whyNoLab } from '../hosts/why-no-lab.ts';
import { type AgentEnd, TestAgent } from '../support/agent.ts';
import { type BpfObjects, heldBy, leftOf, NOTHING, orphans } from '../support/bpf-objects.ts';
import { ExactLab } from '../support/exact-lab.ts';

const why = whyNoLab();
const OURS = why === null ? programsOf('build/kube-netc.bpf.o').map(({ name }) => name) : [];
/** Half a second is what clients get. Who waits for them waits for 30 s or more; a busy machine may take some seconds itself. */
const END_LIMIT_MS = 10_000;
const REQUEST = 'GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n';
/** More than the budget of 2,000 series, so that a page is several megabytes and does not fit into socket buffers. */
const CONNECTIONS = 2_500;

/** A connection to the agent that has sent `text` and reads nothing. */
async function client(agent: TestAgent, text: string): Promise<Socket> {
  const socket = connect(Number(new URL(agent.url).port), '127.0.0.1');
  socket.on('error', () => {}); // the agent may reset it: that is what it is here for
  await new Promise<void>((resolve) => socket.once('connect', resolve));
  if (text !== '') await new Promise((resolve) => socket.write(text, resolve));
  return socket;
}

async function end(
  agent: TestAgent,
  signal: NodeJS.Signals,
): Promise<AgentEnd & { ms: number; held: BpfObjects }> {
  const held = await heldBy(agent.process.pid ?? 0);
  const from = performance.now();
  agent.process.kill(signal);
  const ended = await agent.ended;
  return { ...ended, ms: performance.now() - from, held };
}

describe('the agent, told to end,', () => {
  let exact: ExactLab;
  let older: HeldTcp;

  beforeAll(async () => {
    if (why !== null) return;
    exact = await ExactLab.open();
    const { port } = await startTcpServer(exact.server);
    older = await HeldTcp.open(exact.client, { address: exact.server.v4, port, connections: CONNECTIONS });
  });
  afterAll(async () => {
    await older?.close();
    await exact?.close();
  });

  async function expectGone(agent: TestAgent, signal: NodeJS.Signals): Promise<void> {
    const { code, ms, held } = await end(agent, signal);
    expect(code).toBe(0);
    expect(ms).toBeLessThan(END_LIMIT_MS);
    expect(held.programs.length).toBeGreaterThan(3);
    expect(await leftOf(held)).toEqual(NOTHING);
    expect(await orphans(OURS)).toEqual([]);
    expect(agent.log).toContain(`stopping on ${signal}`);
  }

  it.for(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)('does so by %s', async (signal, context) => {
    if (why !== null) context.skip(why);
    await using agent = await TestAgent.start();
    await agent.rawPage();
    await expectGone(agent, signal);
  });

  it('does so while pages are made and sent', async (context) => {
    if (why !== null) context.skip(why);
    await using agent = await TestAgent.start();
    const scrapes = Array.from({ length: 8 }, async () => {
      for (;;) await agent.rawPage().catch((error: unknown) => Promise.reject(error));
    });
    const ends = Promise.allSettled(scrapes);
    await sleep(300);
    await expectGone(agent, 'SIGTERM');
    await ends;
  });

  it('does so while clients hang', async (context) => {
    if (why !== null) context.skip(why);
    await using agent = await TestAgent.start();
    const clients = [
      await client(agent, ''),
      await client(agent, 'GET /metrics HTT'),
      await client(agent, REQUEST),
      await client(agent, REQUEST.repeat(20)),
    ];
    await sleep(500); // until their pages are made, and stuck
    expect(clients.at(2)?.readableLength).toBeLessThan((await agent.rawPage()).text.length / 4);
    await expectGone(agent, 'SIGTERM');
    for (const socket of clients) socket.destroy();
  });

  it('does so only once when it is told twice', async (context) => {
    if (why !== null) context.skip(why);
    await using agent = await TestAgent.start();
    const waits = await client(agent, 'GET /metrics HTT'); // holds the end up for a moment
    const held = await heldBy(agent.process.pid ?? 0);
    agent.process.kill('SIGTERM');
    await sleep(50);
    agent.process.kill('SIGTERM');
    expect(await agent.ended).toEqual({ code: 0, signal: null });
    expect(await leftOf(held)).toEqual(NOTHING);
    waits.destroy();
  });
});
