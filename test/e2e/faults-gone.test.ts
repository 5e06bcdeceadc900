// What an agent looks at goes away while it looks, or there is far more of it than it has room for.
import { randomInt } from 'node:crypto';
import { existsSync, rmdirSync } from 'node:fs';
import { describe, expect, it, vi } from 'vitest';
import { cgroup2Mount } from '../hosts/cgroup.ts';
import { HeldMany, type HoldManyTotals } from '../hosts/held-many.ts';
import type { Host } from '../hosts/host.ts';
import { run } from '../hosts/host-process.ts';
import { Lab } from '../hosts/lab.ts';
import { HeldTcp, startTcpServer } from '../hosts/tcp-traffic.ts';
import { whyNoLab } from '../hosts/why-no-lab.ts';
import type { TestAgent } from '../support/agent.ts';
import { during, ExactLab, freshPage, startAgent } from '../support/exact-lab.ts';
import type { Page } from '../support/page.ts';
import { setUp } from '../support/set-up.ts';
import { clientSums, mirrored } from '../support/tcp-exactness.ts';

const skip = whyNoLab();
const ROUNDS = 5;
const PATIENCE = { timeout: 60_000, interval: 100 };

describe('an agent', () => {
  let agent: TestAgent;

  setUp(skip, async (closing) => {
    agent = closing.use(await startAgent('--udp', 'off', '--series', '20000'));
  });

  function expectSound(): void {
    expect(agent.process.exitCode).toBeNull();
    expect(agent.log).not.toContain('"level":50');
  }

  it('keeps every byte of namespaces that are deleted while it walks', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const exact = await ExactLab.open();
      const [from, to] = exact.addresses();
      const { port } = await startTcpServer(exact.server);
      const held = await HeldTcp.open(exact.client, { address: to, port, connections: 300, request: 2_000 });
      const sent = await held.send(randomInt(16, 4_000));
      await during(exact.close(), async () => agent.rawPage('?collect[]=connections'));
      await vi.waitFor(async () => {
        const page = await freshPage(agent, 'connections');
        expect({ client: page.pair(from, to, port), server: page.pair(to, from) }).toEqual({
          client: clientSums(sent),
          server: mirrored(sent),
        });
      }, PATIENCE);
    }
    expectSound();
  });

  it('counts on in sockets whose cgroup is deleted, and they keep their name', async (context) => {
    if (cgroup2Mount() === null) {
      context.skip('cgroup v2 is not mounted here');
      return;
    }
    const unit = `gone-${randomInt(1e9)}.service`;
    await using lab = await Lab.create();
    const host = await lab.host('many', { cgroup: unit });
    const held = await HeldMany.open(host, { connections: 300, bytes: 100, reset: true });
    expectUnit(await freshPage(agent, 'connections'), unit, held.ready);
    await leave(held.program.process.pid, host);
    const sent = await held.send(1_000);
    expectUnit(await freshPage(agent, 'connections'), unit, sent);
    const closed = await held.close();
    expectUnit(await freshPage(agent, 'connections'), unit, { ...closed, sockets: 0 });
    expectSound();
  });
});

/** All bytes are told of sockets by the name of their cgroup. */
function expectUnit(page: Page, unit: string, totals: HoldManyTotals): void {
  const of = (name: string): number => page.sum(name, { source_name: unit });
  expect({ sent: of('bytes_sent'), received: of('bytes_recv'), active: of('active_connections') }).toEqual({
    sent: totals.wroteBytes,
    received: totals.readBytes,
    active: totals.sockets,
  });
}

/** Moves the processes out of the host's cgroup, which is deleted then. */
async function leave(pid: number, { cgroup }: Host): Promise<void> {
  const mount = cgroup2Mount() ?? '';
  await run([
    'sh',
    '-ec',
    `for pid in $(cat "$0"); do echo $pid >"$1"; done`,
    `${cgroup?.path}/cgroup.procs`,
    `${mount}/cgroup.procs`,
  ]);
  expect(pid).toBeGreaterThan(0);
  rmdirSync(cgroup?.path ?? '');
  expect(existsSync(cgroup?.path ?? '')).toBe(false);
}
