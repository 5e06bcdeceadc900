// What the kernel side measures of connections, against programs that time themselves and against TCP_INFO.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { TcpState } from '../../src/tracker/live-table.ts';
import { parseSnmp, type SnmpCounters } from '../../src/util/snmp.ts';
import { drop, lose } from '../hosts/firewall.ts';
import type { Host } from '../hosts/host.ts';
import { runConnectFail } from '../hosts/tcp-traffic.ts';
import {
  runTimedClient,
  startSlowServer,
  type SlowServerOptions,
  type TimedClientOptions,
  type TimedTotals,
} from '../hosts/timed-traffic.ts';
import { whyNoLab } from '../hosts/why-no-lab.ts';
import { during, ExactLab } from '../support/exact-lab.ts';
import { type Measured, MeasuringAgent, ranked } from '../support/measuring-agent.ts';

const skip = whyNoLab();
const US = 1e-6;

let exact: ExactLab;
beforeAll(async () => {
  if (skip === null) exact = await ExactLab.open();
});
beforeEach((context) => {
  if (skip !== null) context.skip(skip);
});
afterAll(async () => exact?.close());

function sum(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0);
}

function ascending(values: readonly number[]): number[] {
  return values.toSorted((a, b) => a - b);
}

interface Ran {
  readonly client: TimedTotals;
  readonly port: number;
}

async function run(client: Partial<TimedClientOptions>, server: SlowServerOptions = {}): Promise<Ran> {
  const serving = await startSlowServer(exact.server, server);
  const [, address] = exact.addresses();
  const totals = await runTimedClient(exact.client, { address, port: serving.port, ...client });
  await serving.stop();
  return { client: totals, port: serving.port };
}

describe.each([true, false])('connections (processes tracked: %s)', (trackProcess) => {
  it('are measured once each, and none for longer than its program saw it', async () => {
    using agent = new MeasuringAgent({ trackProcess });
    const { client, port } = await run({ connections: 300 });
    const { connect, duration, rtt, counters } = agent.measured(exact.client, port);
    expect([counters.opened, counters.closed]).toEqual([300, 300]);
    const seen = { connect: ranked('connect', connect), duration: ranked('duration', duration) };
    expect([seen.connect.length, seen.duration.length]).toEqual([300, 300]);
    // what is inside of another is shorter, and so is the k-th of all such
    ascending(client.connectUs).forEach((us, i) => expect(seen.connect[i]?.above).toBeLessThan(us * US));
    ascending(client.lifeUs).forEach((us, i) => expect(seen.duration[i]?.above).toBeLessThan(us * US));
    expect(connect.sumSeconds).toBeLessThan(sum(client.connectUs) * US);
    expect(duration.sumSeconds).toBeLessThan(sum(client.lifeUs) * US);
    expect(connect.sumSeconds).toBeGreaterThanOrEqual(rtt.sumSeconds);
  });

  it('have the least round trip that TCP_INFO said last, to the microsecond', async () => {
    using agent = new MeasuringAgent({ trackProcess });
    const { client, port } = await run({ connections: 300, bytes: 20_000 });
    const { rtt } = agent.measured(exact.client, port);
    expect(rtt.sumSeconds).toBeCloseTo(sum(client.minRttUs) * US, 9);
    const buckets = ranked('rtt', rtt);
    ascending(client.minRttUs).forEach((us, i) => {
      expect(buckets[i]?.above).toBeLessThan(us * US);
      expect(buckets[i]?.upTo).toBeGreaterThanOrEqual(us * US);
    });
  });

  it('are measured at the end of the server too, which has not connected', async () => {
    using agent = new MeasuringAgent({ trackProcess });
    const { port } = await run({ connections: 50, bytes: 1000 });
    const { connect, duration, rtt } = agent.measured(exact.server, port, 'server');
    expect([sum([...connect.counts]), sum([...duration.counts]), sum([...rtt.counts])]).toEqual([0, 50, 50]);
  });
});

describe('a SYN that is lost', () => {
  const LOST = 3;
  let lossy: ExactLab;
  beforeAll(async () => {
    if (skip !== null) return;
    lossy = await ExactLab.open();
    // of each two SYNs the first
    await drop(lossy.server, 'input', 'tcp flags & (syn | ack) == syn numgen inc mod 2 == 0');
  });
  afterAll(async () => lossy?.close());

  async function connect(trackProcess: boolean): Promise<{ client: TimedTotals; measured: Measured }> {
    using agent = new MeasuringAgent({ trackProcess });
    const serving = await startSlowServer(lossy.server);
    const [, address] = lossy.addresses();
    const client = await runTimedClient(lossy.client, { address, port: serving.port, connections: LOST });
    await serving.stop();
    return { client, measured: agent.measured(lossy.client, serving.port) };
  }

  it('is in the time that connect() took, as the program saw it', async () => {
    const { client, measured } = await connect(true);
    expect(client.retransmitted).toBeGreaterThanOrEqual(LOST);
    expect(ranked('connect', measured.connect).map(({ above }) => above >= 1)).toEqual(
      Array(LOST).fill(true),
    );
    const missing = sum(client.connectUs) * US - measured.connect.sumSeconds;
    expect(missing).toBeGreaterThan(0);
    expect(missing).toBeLessThan(LOST * 0.9); // not the second that the first SYN was waited for
  });

  it('leaves the time unknown where nobody saw connect(), rather than too short', async () => {
    const { measured } = await connect(false);
    expect([measured.counters.opened, sum([...measured.connect.counts])]).toEqual([LOST, 0]);
  });
});

describe('what held a sender up', () => {
  function times({ counters }: Measured): number[] {
    return [counters.busyJiffies, counters.receiverLimitedJiffies, counters.sndbufLimitedJiffies];
  }

  /** Runs one connection with walks all the while. The kernel's own last word on it, and ours, in jiffies. */
  async function limits(
    at: ExactLab,
    client: Partial<TimedClientOptions>,
    server: SlowServerOptions,
    local = false,
  ): Promise<{
    ours: number[];
    kernels: number[];
    retransmitted: number;
  }> {
    using agent = new MeasuringAgent();
    const serving = await startSlowServer(local ? at.client : at.server, server);
    const address = local ? '127.0.0.1' : at.addresses()[1];
    const before = [0, 0, 0];
    const told = await during(
      runTimedClient(at.client, { address, port: serving.port, ...client }),
      async () => {
        const now = times(agent.measured(at.client, serving.port));
        now.forEach((value, i) => expect(value).toBeGreaterThanOrEqual(before[i] ?? 0));
        before.splice(0, 3, ...now);
        await sleep(5);
      },
    );
    const { busyUs, receiverLimitedUs, sndbufLimitedUs, retransmitted } = told;
    await serving.stop();
    const ours = times(agent.measured(at.client, serving.port));
    const hz = await agent.jiffiesPerSecond();
    return {
      ours,
      kernels: [busyUs, receiverLimitedUs, sndbufLimitedUs].map((us) => Math.round(us * US * hz)),
      retransmitted,
    };
  }

  it('is the receiver, where that does not read', async () => {
    const { ours, kernels } = await limits(exact, { bytes: 300_000 }, { receiveBuffer: 8192, pause: 5 });
    expect(ours).toEqual(kernels);
    const [busy = 0, receiver = 0] = ours;
    expect(receiver).toBeGreaterThan(busy / 2);
  });

  it('is the send buffer, where that has too little room', async (context) => {
    // Less than a segment of loopback: now and then one waits for an acknowledgement that the receiver delays.
    // On a busy machine that receiver is late at times as well: what it is charged with is the kernel's word.
    let sndbuf = 0;
    for (let i = 0; i < 20 && sndbuf === 0; i++) {
      const { ours, kernels } = await limits(exact, { bytes: 2_000_000, sendBuffer: 20_000 }, {}, true);
      expect(ours).toEqual(kernels);
      sndbuf = ours[2] ?? 0;
    }
    if (sndbuf === 0) context.skip('the kernel itself has told of no time without room');
  });

  it('is neither, where packets are lost', async () => {
    const lossy = await ExactLab.open();
    try {
      await lose(lossy.server, lossy.segment, 8);
      const { ours, kernels, retransmitted } = await limits(lossy, { bytes: 20_000_000 }, {});
      expect(ours).toEqual(kernels);
      const [busy = 0, receiver = 0, sndbuf = 0] = ours;
      expect(retransmitted).toBeGreaterThan(0);
      expect(busy).toBeGreaterThan(0);
      expect(receiver + sndbuf).toBeLessThan(busy / 2);
    } finally {
      await lossy.close();
    }
  });
});

describe('a listener', () => {
  async function listenDrops(host: Host): Promise<number> {
    const counters: SnmpCounters = new Map();
    parseSnmp(await host.procNet('netstat'), counters);
    return counters.get('TcpExtListenDrops') ?? 0;
  }

  it('tells how many wait for accept(), how many may, and what it has dropped', async () => {
    using agent = new MeasuringAgent();
    const serving = await startSlowServer(exact.server, { deaf: true, backlog: 3 });
    const [, address] = exact.addresses();
    const before = await listenDrops(exact.server);
    await runConnectFail(exact.client, { address, port: serving.port, connections: 12, abortAfter: 1500 });
    // what waits for accept() is offered again and again: until the kernel says the same before a snapshot and after it
    let [dropped, after] = [-1, 0];
    while (dropped !== after) {
      dropped = (await listenDrops(exact.server)) - before;
      agent.snapshot();
      after = (await listenDrops(exact.server)) - before;
    }
    const { live } = agent;
    const rows = [...live.state.subarray(0, live.count).keys()].filter(
      (row) =>
        live.state[row] === TcpState.listen &&
        live.localPort[row] === serving.port &&
        live.netns[row] === exact.server.netnsInode,
    );
    await serving.stop();
    expect(rows).toHaveLength(1);
    const [row = 0] = rows;
    expect(dropped).toBeGreaterThan(0);
    expect([live.backlog[row], live.backlogMax[row], live.drops[row]]).toEqual([4, 3, dropped]);
    expect(live.cgroupId[row]).toBeGreaterThan(0);
  });
});
