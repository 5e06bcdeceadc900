// An agent that is killed in the middle of a walk, or before it serves, and the next one.
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { programsOf } from '../../src/libbpf/trial-load.ts';
import { HeldMany, type HoldManyTotals } from '../hosts/held-many.ts';
import { Lab } from '../hosts/lab.ts';
import { whyNoLab } from '../hosts/why-no-lab.ts';
import { spawnAgent, TestAgent } from '../support/agent.ts';
import { heldBy, leftOf, NOTHING, orphans } from '../support/bpf-objects.ts';
import { whyNoOwnCgroup } from '../support/edge-sums.ts';
import { freshPage } from '../support/exact-lab.ts';
import type { Page } from '../support/page.ts';
import { setUp } from '../support/set-up.ts';

const skip = whyNoLab() ?? whyNoOwnCgroup();
const OURS = skip === null ? programsOf('build/kube-netc.bpf.o').map(({ name }) => name) : [];
/** Each has both its ends here: a walk has several steps. */
const CONNECTIONS = 5_000;
const FLAGS = ['--udp', 'off', '--max-sockets', '65536'];

describe('an agent that is killed', () => {
  let held: HeldMany;
  /** Sockets of others, of which a machine may have more than the table has places, are not looked at. */
  let flags: readonly string[];

  setUp(skip, async (closing) => {
    const lab = closing.use(await Lab.create());
    const host = await lab.host('many', { cgroup: 'own' });
    flags = [...FLAGS, '--cgroup-root', host.cgroup?.path ?? ''];
    held = await HeldMany.open(host, { connections: CONNECTIONS, bytes: 100, reset: true });
  });

  function expectAll(page: Page, totals: HoldManyTotals): void {
    const sum = (name: string): number => page.sum(name);
    expect({
      sent: sum('bytes_sent'),
      received: sum('bytes_recv'),
      active: sum('active_connections'),
    }).toEqual({
      sent: totals.wroteBytes,
      received: totals.readBytes,
      active: totals.sockets,
    });
  }

  it('in a walk leaves nothing in the kernel, and the next one has all live sockets at their true totals', async () => {
    for (const delayMs of [0, 2, 4, 8]) {
      // until the kill is not too late: on a busy machine it may come when the walk is over
      await expect.poll(() => killInFirstWalk(flags, delayMs)).not.toContain('serving');
    }
    await using first = await TestAgent.start(flags);
    const sent = await held.send(randomInt(1, 3_000));
    expectAll(await freshPage(first, 'connections'), sent);
    await killAmidScrapes(first);
    expect(await orphans(OURS)).toEqual([]);
    // The next one gets the same port, at once.
    await using agent = await TestAgent.start([...flags, '--listen', new URL(first.url).host]);
    const more = await held.send(randomInt(1, 3_000));
    expectAll(await freshPage(agent, 'connections'), more);
    const closed = await held.close();
    expectAll(await freshPage(agent, 'connections'), { ...closed, sockets: 0 });
  });

  it.for(['SIGKILL', 'SIGTERM'] as const)(
    'by %s before it serves leaves nothing in the kernel',
    async (signal) => {
      for (const delayMs of [150, 300, 450, 600]) {
        const agent = spawnAgent(['--listen', '127.0.0.1:0', ...flags]);
        const ended = once(agent, 'exit');
        await sleep(delayMs);
        agent.kill(signal);
        await ended;
      }
      expect(await orphans(OURS)).toEqual([]);
    },
  );
});

/** The first walk begins when the older sockets have been found. @returns what the agent wrote until it was killed */
async function killInFirstWalk(flags: readonly string[], delayMs: number): Promise<string> {
  const agent = spawnAgent(['--listen', '127.0.0.1:0', ...flags]);
  const ended = once(agent, 'close');
  let log = '';
  await new Promise<void>((resolve) => {
    agent.stderr?.on('data', (data: Buffer) => {
      log += data.toString();
      if (log.includes('older than the agent')) resolve();
    });
    void ended.then(() => resolve());
  });
  if (delayMs > 0) await sleep(delayMs);
  agent.kill('SIGKILL');
  await ended;
  return log;
}

/** Kills the agent while it walks and makes pages without a pause, and expects that nothing of it is left. */
async function killAmidScrapes(agent: TestAgent): Promise<void> {
  const objects = await heldBy(agent.process.pid ?? 0);
  expect(objects.programs.length).toBeGreaterThan(2);
  const scrapes = ['connections', 'workloads', 'agent'].map(async (group) => {
    for (;;) await agent.rawPage(`?collect[]=${group}`);
  });
  const ends = Promise.allSettled(scrapes);
  await sleep(randomInt(500, 1_000));
  agent.process.kill('SIGKILL');
  await Promise.all([agent.ended, ends]);
  expect(await leftOf(objects)).toEqual(NOTHING);
}
