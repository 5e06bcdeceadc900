// Scrapers that storm, that read a byte a second, that begin requests and never end them.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { describe, expect, it, vi } from 'vitest';
import { HeldMany } from '../hosts/held-many.ts';
import { Lab } from '../hosts/lab.ts';
import { whyNoLab } from '../hosts/why-no-lab.ts';
import { TestAgent } from '../support/agent.ts';
import { freshPage } from '../support/exact-lab.ts';
import { FULL_SIZE } from '../support/full-size.ts';
import { setUp } from '../support/set-up.ts';

const skip = whyNoLab();
/** Each has its server's end here: a page of some 5 MB, more than the buffers of a socket hold. */
const CONNECTIONS = 3_000;
const STORM = 200;
const HALF_OPEN = 1_000;
const SLOW = 20;
const MIB = 2 ** 20;
/** Not 20 pages of 5 MB for slow readers, nor 200 for a storm. */
const RESIDENT_MAX_BYTES = 400 * MIB;
/** An answer that takes 30 s is given up. */
const PATIENCE = { timeout: 90_000, interval: 200 };

describe('an agent with a large page', () => {
  let lab: Lab;
  let held: HeldMany;
  let agent: TestAgent;
  const slow: Socket[] = [];

  setUp(skip, async (closing) => {
    lab = closing.use(await Lab.create());
    held = await HeldMany.open(await lab.host('many'), { connections: CONNECTIONS, reset: true });
    agent = closing.use(
      await TestAgent.start(['--udp', 'off', '--max-sockets', '65536', '--series', '10000']),
    );
    const drip = setInterval(() => slow.forEach((socket) => void socket.read(1)), 1_000);
    closing.defer(() => {
      clearInterval(drip);
      for (const socket of slow) socket.destroy();
    });
    for (let i = 0; i < SLOW; i++) {
      const socket = await connected();
      socket.pause().write('GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n');
      slow.push(socket);
    }
  });

  async function connected(): Promise<Socket> {
    const socket = connect(Number(new URL(agent.url).port), '127.0.0.1').on('error', () => {});
    await once(socket, 'connect');
    return socket;
  }

  /** Expects that it serves all that the kernel knows, that nothing has gone wrong inside, and that its memory has an end. */
  async function expectSound(): Promise<void> {
    const sent = await held.send(100);
    const page = await freshPage(agent, 'connections');
    expect(page.sum('bytes_sent')).toBeGreaterThanOrEqual(sent.wroteBytes);
    expect(page.sum('active_connections')).toBeGreaterThanOrEqual(2 * CONNECTIONS);
    expect(page.value('kube_netc_agent_resident_memory_bytes')).toBeLessThan(RESIDENT_MAX_BYTES);
    expect(agent.process.exitCode).toBeNull();
    expect(agent.log).not.toContain('"level":50');
  }

  /** Whether it got a page, which must be whole; if not, it must be told to come again. */
  async function scrape(): Promise<boolean> {
    const response = await fetch(`${agent.url}/metrics?collect[]=connections`);
    const text = await response.text();
    if (response.status === 503) expect(response.headers.get('Retry-After')).toBe('1');
    else expect([response.status, text.endsWith('\n')]).toEqual([200, true]);
    if (response.ok) expect(text.split('\nactive_connections{').length).toBeGreaterThan(CONNECTIONS);
    return response.ok;
  }

  it(`gives ${STORM} scrapes at once a whole page or tells them to come again, and then gives them one`, async () => {
    const first = await Promise.all(Array.from({ length: STORM }, scrape));
    expect(first.filter(Boolean).length).toBeGreaterThan(STORM / 10);
    await Promise.all(
      first.map(async (had) => had || vi.waitFor(async () => expect(await scrape()).toBe(true), PATIENCE)),
    );
    await expectSound();
  });

  it(`serves beside ${HALF_OPEN} requests that nobody ends, and forgets them`, async () => {
    const half: Socket[] = [];
    for (let i = 0; i < HALF_OPEN; i++) {
      const socket = await connected();
      socket.resume().write('GET /metrics HTTP/1.1\r\nHost: localhost\r\nX-Half: ');
      half.push(socket);
    }
    for (const path of ['healthz', 'readyz']) expect((await fetch(`${agent.url}/${path}`)).status).toBe(200);
    await expectSound();
    const page = await agent.rawPage('?collect[]=agent');
    const madeRoom = page.value('kube_netc_agent_requests_refused_total', { reason: 'idle' });
    expect(madeRoom).toBeGreaterThanOrEqual(HALF_OPEN - 256);
    await vi.waitFor(() => expect(half.filter(({ closed }) => !closed)).toEqual([]), PATIENCE);
  });

  it(`never waits for ${SLOW} clients that read a byte a second`, async () => {
    for (const socket of slow) expect(socket.bytesRead).toBeLessThan(3 * MIB);
    await expectSound();
    // an answer may take 30 s; that one which takes longer is given up is a unit test too, which takes less
    if (FULL_SIZE) await vi.waitFor(() => expect(heldOpen(agent, slow)).toBe(0), PATIENCE);
    await expectSound();
    expect(await agent.stop()).toEqual({ code: 0, signal: null });
  });
});

/** How many of these connections the agent still has open at its end. */
function heldOpen(agent: TestAgent, sockets: readonly Socket[]): number {
  const rows = readFileSync('/proc/net/tcp', 'latin1')
    .split('\n')
    .map((row) => row.trim().split(/\s+/));
  const hex = (port: number): string => port.toString(16).toUpperCase().padStart(4, '0');
  const own = hex(Number(new URL(agent.url).port));
  const theirs = new Set(sockets.map(({ localPort = 0 }) => hex(localPort)));
  return rows.filter(
    ([, local = '', remote = '', state]) =>
      state === '01' && local.endsWith(`:${own}`) && theirs.has(remote.split(':')[1] ?? ''),
  ).length;
}
