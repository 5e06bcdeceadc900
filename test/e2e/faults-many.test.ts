// Far more than there is room for: open sockets, and descriptors among which the older sockets must be found.
import { beforeEach, describe, expect, it } from 'vitest';
import { randomInt } from 'node:crypto';
import { cgroup2Mount } from '../hosts/cgroup.ts';
import { HeldMany, type HoldManyTotals } from '../hosts/held-many.ts';
import { Lab } from '../hosts/lab.ts';
import { TrafficProgram } from '../hosts/traffic-program.ts';
import { whyNoLab } from '../hosts/why-no-lab.ts';
import { TestAgent } from '../support/agent.ts';
import { freshPage } from '../support/exact-lab.ts';
import { FULL_SIZE } from '../support/full-size.ts';
import type { Page } from '../support/page.ts';

const skip = whyNoLab();
/** Each has both its ends here: 100,000 open sockets, or 24,000. */
const CONNECTIONS = FULL_SIZE ? 50_000 : 12_000;
const SLOTS = 4_096;
const SERIES = 100;
const MIB = 2 ** 20;
const RESIDENT_MAX_BYTES = 200 * MIB;
const DESCRIPTORS = FULL_SIZE ? 1_000_000 : 200_000;
const PER_PROCESS = 19_000;
const BYTES = 777;

describe('an agent with', () => {
  beforeEach((context) => {
    if (skip !== null) context.skip(skip);
  });
  function sums(page: Page, name: string): object {
    const of = (metric: string): number => page.sum(metric, { source_name: name });
    return { sent: of('bytes_sent'), received: of('bytes_recv'), active: of('active_connections') };
  }

  function all({ wroteBytes, readBytes, sockets }: HoldManyTotals): object {
    return { sent: wroteBytes, received: readBytes, active: sockets };
  }

  async function expectBudget(agent: TestAgent): Promise<Page> {
    const page = await freshPage(agent, 'connections', 'workloads');
    expect(page.find('bytes_sent').length).toBeLessThanOrEqual(SERIES);
    expect(page.value('kube_netc_agent_resident_memory_bytes')).toBeLessThan(RESIDENT_MAX_BYTES);
    return page;
  }

  it(`${2 * CONNECTIONS} open sockets keeps to its budget of series and memory, and has every byte`, async () => {
    const unit = `many-${randomInt(1e9)}.service`;
    await using lab = await Lab.create();
    const host = await lab.host('many', cgroup2Mount() === null ? {} : { cgroup: unit });
    const name = cgroup2Mount() === null ? 'hold-many' : unit;
    const flags = ['--udp', 'off', '--series', String(SERIES), '--edges', '5', '--max-sockets'];
    await using agent = await TestAgent.start([...flags, '131072']);
    await using full = await TestAgent.start([...flags, String(SLOTS)]);
    const held = await HeldMany.open(host, { connections: CONNECTIONS, bytes: 100, reset: true });
    const sent = await held.send(1_000);
    expect(sums(await expectBudget(agent), name)).toEqual(all(sent));
    const partial = await expectBudget(full);
    expect(partial.value('kube_netc_agent_live_sockets')).toBeLessThanOrEqual(SLOTS);
    expect(partial.value('kube_netc_agent_lost_total', { reason: 'slots_full' })).toBeGreaterThan(0);
    const closed = await held.close();
    for (const each of [agent, full])
      expect(sums(await expectBudget(each), name)).toEqual(all({ ...closed, sockets: 0 }));
  });

  it(`${DESCRIPTORS} descriptors around the sockets that are older than it finds them all`, async () => {
    const unit = `descriptors-${randomInt(1e9)}.service`; // another checkout's test may have its own
    await using lab = await Lab.create();
    const host = await lab.host('descriptors', cgroup2Mount() === null ? {} : { cgroup: unit });
    const name = cgroup2Mount() === null ? 'hold-descriptor' : unit;
    const options = { descriptors: DESCRIPTORS, perProcess: PER_PROCESS, bytes: BYTES };
    const program = TrafficProgram.start<{ descriptors: number }>(host, 'hold-descriptors', options);
    expect((await program.ready()).descriptors).toBe(DESCRIPTORS);
    await using agent = await TestAgent.start(['--udp', 'off', '--max-sockets', '65536']);
    const page = await freshPage(agent, 'connections');
    expect(sums(page, name)).toEqual({ sent: BYTES, received: BYTES, active: 2 });
    await program.finish();
  });
});
