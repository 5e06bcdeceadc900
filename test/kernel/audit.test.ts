import { statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { AuditSources } from '../../src/cli/audit-sources.ts';
import { auditExitCode, type AuditReport, formatAuditTable } from '../../src/cli/audit-table.ts';
import { Auditor } from '../../src/cli/auditor.ts';
import { Sampler } from '../../src/cli/sampler.ts';
import type { Audited } from '../../src/collector/audit-counters.ts';
import type { AuditRow } from '../../src/collector/audit.ts';
import type { Monitor, MonitorOptions } from '../../src/libbpf/monitor.ts';
import { FlowTable } from '../../src/tracker/flow-table.ts';
import { LiveTable } from '../../src/tracker/live-table.ts';
import { inSlices } from '../../src/util/slices.ts';
import { cgroup2Mount } from '../hosts/cgroup.ts';
import { drop } from '../hosts/firewall.ts';
import { whyNoBpf } from '../fixtures/bpf/fixture.ts';
import type { Host } from '../hosts/host.ts';
import { Lab } from '../hosts/lab.ts';
import {
  HeldTcp,
  runConnectFail,
  runTcpClient,
  startTcpServer,
  type TcpTotals,
} from '../hosts/tcp-traffic.ts';
import type { TrafficServer } from '../hosts/traffic-program.ts';
import { runUdpClient, startUdpServer, type UdpTotals } from '../hosts/udp-traffic.ts';
import { whyNoLab } from '../hosts/why-no-lab.ts';
import { monitorAlone } from '../support/monitor-alone.ts';
import { quiet } from '../support/quiet.ts';

const skipReason = whyNoBpf() ?? whyNoLab();
const NEVER_NS = 1e15;
/** Its client waits for the server's FIN: one that comes later meets a socket in time-wait, and the rest is not exact. */
const BULK = { rounds: 0, seconds: 1, response: 1_000_000, close: 'client-half' } as const;

/** An agent's snapshots and audit, without the agent. */
class Rig {
  readonly monitor: Monitor;
  readonly flows: FlowTable;
  readonly live: LiveTable;
  readonly sampler: Sampler;
  #auditor: Auditor;
  /** Whether the audit is told of flows that end. */
  remembers = true;

  constructor(options: Partial<MonitorOptions> = {}, idleNs = NEVER_NS, udp: 'auto' | 'off' = 'auto') {
    this.monitor = monitorAlone({
      udp,
      slots: 262_144, // other tests may hold many sockets meanwhile, and all of this kernel's are seen
      cgroupRoot: cgroup2Mount(),
      ...options,
    });
    this.monitor.findOlder();
    this.flows = new FlowTable(this.monitor.books.memory);
    this.live = new LiveTable(this.monitor.slots);
    this.#auditor = new Auditor(this.monitor, this.flows, this.live);
    this.sampler = new Sampler(this.monitor, this.flows, this.live, idleNs, {
      before: () => this.#auditor.begin(),
      retiring: (row) => {
        if (this.remembers) this.#auditor.forget(row);
      },
      after: () => inSlices(this.#auditor.end()),
    });
  }

  /**
   * Begins to compare from here on: the first walks find the namespaces, the last reads them.
   * @param known a host and a process in it, which the walk need not find
   */
  async begin(known?: { host: Host; pid: number }): Promise<void> {
    const sources = new AuditSources(1000);
    if (known) {
      const found = new LiveTable(1);
      found.count = 1;
      found.netns[0] = known.host.netnsInode;
      found.pid[0] = known.pid;
      sources.refresh(found);
    }
    this.#auditor = new Auditor(this.monitor, this.flows, this.live, sources);
    // each looks at 8,192 sockets for namespaces: other tests may hold more than that
    for (let seen = 0; seen <= this.live.count; seen += 8_192) await this.sampler.snapshot();
    await this.sampler.snapshot();
  }

  async report(host: Host): Promise<AuditReport> {
    await quiet(host);
    await this.sampler.snapshot();
    return this.now(host);
  }

  all(): AuditReport {
    return this.#auditor.report();
  }

  /** What the last snapshot has found of a host. */
  now(host: Host): AuditReport {
    return {
      rows: this.all().rows.filter((row) => row.netns === host.netnsInode),
      unreadable: [],
      skipped: 0,
    };
  }

  /** What was found of a host, when it has become quiet. */
  async rows(host: Host): Promise<Record<Audited, AuditRow>> {
    const { rows } = await this.report(host);
    if (rows.length !== 5) throw new Error(`${host.name} is not audited`);
    return Object.fromEntries(rows.map((row) => [row.counter, row])) as Record<Audited, AuditRow>;
  }

  async close(): Promise<void> {
    await this.sampler.stop();
    this.monitor.close();
  }
}

function causes(row: AuditRow): Record<string, number> {
  return Object.fromEntries(row.explained.map(({ cause, count }) => [cause, count]));
}

/** That the books and the kernel say the same of TCP, with nothing taken away but the SYN-ACKs of listeners. */
function expectExact(rows: Record<Audited, AuditRow>, accepted: number): void {
  expect(rows.TcpInSegs).toMatchObject({ verdict: 'exact', unexplained: 0 });
  expect(rows.TcpOutSegs).toMatchObject({ verdict: 'exact', unexplained: 0 });
  expect(rows.TcpRetransSegs).toMatchObject({ verdict: 'exact', unexplained: 0 });
  expect(causes(rows.TcpOutSegs)).toEqual({ syn_ack: accepted });
  expect(rows.TcpOutSegs.kernel).toBe(rows.TcpOutSegs.accounted + accepted);
}

let lab: Lab;
let host: Host;
let far: Host;
let server: TrafficServer<TcpTotals>;
let rig: Rig;

beforeAll(async () => {
  if (skipReason !== null) return;
  lab = await Lab.create();
  host = await lab.host('a');
  far = await lab.host('b');
  await lab.join(host, far);
  server = await startTcpServer(host);
  rig = new Rig();
});
afterAll(async () => {
  await rig?.close();
  await lab?.close();
});
beforeEach((context) => {
  if (skipReason !== null) context.skip(skipReason);
});

describe('the audit, of TCP', () => {
  beforeEach(async () => {
    if (skipReason === null) await quiet(host).then(() => rig.begin());
  });

  it('agrees to the segment after request and response on a few connections', async () => {
    const sent = await runTcpClient(host, {
      address: '127.0.0.1',
      port: server.port,
      rounds: 0,
      seconds: 1,
      parallel: 8,
      close: 'client-half',
    });
    const rows = await rig.rows(host);
    expectExact(rows, 8);
    expect(rows.TcpInSegs.kernel).toBeGreaterThanOrEqual(2 * sent.rounds);
    expect(causes(rows.TcpInSegs)).toEqual({});
  });

  it.each(['127.0.0.1', '::1'])(
    'agrees to the segment after many short connections to %s',
    async (address) => {
      const options = {
        address,
        port: server.port,
        connections: 1500,
        parallel: 2,
        close: 'client-half',
      } as const;
      const sent = await runTcpClient(host, options);
      const rows = await rig.rows(host);
      expect(sent.connections).toBe(3000);
      expectExact(rows, 3000);
      expect(causes(rows.TcpInSegs)).toEqual({});
    },
  );

  it('agrees while connections come and go under its walks', async () => {
    const options = { address: '127.0.0.1', port: server.port, connections: 4000, parallel: 2 } as const;
    const client = runTcpClient(host, { ...options, close: 'client-half' });
    const ended = client.then(() => true);
    const wrong: AuditRow[] = [];
    let looks = 0;
    for (; !(await Promise.race([ended, sleep(5, false)])); looks++) {
      await rig.sampler.snapshot();
      wrong.push(...rig.now(host).rows.filter((row) => row.verdict === 'unexplained'));
    }
    await client;
    expectExact(await rig.rows(host), 8000);
    expect(looks).toBeGreaterThan(10);
    // A SYN whose connection is not there yet has met no socket: seldom seen on a loopback, gone at the next look.
    expect(wrong.length).toBeLessThan(looks / 10);
  });

  it('agrees to the segment after a bulk transfer over the loopback', async () => {
    await runTcpClient(host, { address: '127.0.0.1', port: server.port, ...BULK });
    const rows = await rig.rows(host);
    expectExact(rows, 1);
    expect(rows.TcpInSegs.kernel).toBeGreaterThan(1000);
  });

  it('agrees to the segment after a bulk transfer over a cable, whose segments arrive many at a time', async () => {
    const bulk = await startTcpServer(far);
    await rig.begin();
    await runTcpClient(host, { address: far.v4, port: bulk.port, ...BULK });
    const [near, there] = [await rig.rows(host), await rig.rows(far)];
    await bulk.stop();
    for (const rows of [near, there]) {
      for (const counter of ['TcpInSegs', 'TcpOutSegs', 'TcpRetransSegs'] as const) {
        expect(rows[counter]).toMatchObject({ verdict: 'exact', unexplained: 0 });
      }
    }
    expect(Object.keys(causes(near.TcpInSegs))).toEqual(['aggregated']);
    expect(causes(near.TcpInSegs)['aggregated']).toBeLessThan(-1000);
    const retransmitted = there.TcpRetransSegs.accounted;
    expect(near.TcpInSegs.accounted).toBe(there.TcpOutSegs.kernel + retransmitted);
  });

  it('names segments that a reset answered: refused ports', async () => {
    const { refused } = await runConnectFail(host, { address: '127.0.0.1', port: 1, connections: 50 });
    const rows = await rig.rows(host);
    expect(refused).toBe(50);
    expect(rows.TcpInSegs).toMatchObject({
      kernel: 100,
      accounted: 50,
      unexplained: 0,
      verdict: 'explained',
    });
    expect(causes(rows.TcpInSegs)).toEqual({ reset: 50 });
    expect(causes(rows.TcpOutSegs)).toEqual({ reset: 50 });
  });

  it.each(['reset', 'unread'] as const)(
    'names resets that a socket sends after it has closed: %s',
    async (close) => {
      await runTcpClient(host, { address: '127.0.0.1', port: server.port, connections: 100, close });
      const rows = await rig.rows(host);
      expect(rows.TcpInSegs).toMatchObject({ unexplained: 0, verdict: 'exact' });
      expect(causes(rows.TcpOutSegs)).toEqual({ syn_ack: 100, reset: 100 });
      expect(rows.TcpOutSegs.unexplained).toBe(0);
    },
  );

  it('names what meets a socket in time-wait', async () => {
    const held = await HeldTcp.open(host, { address: '127.0.0.1', port: server.port, connections: 20 });
    const missedBefore = rig.monitor.stats('tcp_state').missed;
    process.kill(server.process.pid, 'SIGSTOP'); // so that its FIN comes when the client has long gone
    await held.program.process.stop({ signal: 'SIGKILL' });
    await quiet(host);
    process.kill(server.process.pid, 'SIGCONT');
    const rows = await rig.rows(host);
    // A close that tcp_state misses (see tcp.bpf.c) is counted without the state before it: nobody knows that a FIN is due.
    const missed = rig.monitor.stats('tcp_state').missed - missedBefore;
    const again = Math.min(missed, causes(rows.TcpInSegs)['time_wait_again'] ?? 0);
    const named = Object.entries({ time_wait: 20 - again, time_wait_again: again }).filter(([, n]) => n > 0);
    expect(causes(rows.TcpInSegs)).toEqual(Object.fromEntries(named));
    expect(causes(rows.TcpOutSegs)).toEqual({ syn_ack: 20, ...Object.fromEntries(named) });
    expect([rows.TcpInSegs.unexplained, rows.TcpOutSegs.unexplained]).toEqual([0, 0]);
  });

  it('names handshakes that do not end', async () => {
    const deaf = await startTcpServer(far);
    await rig.begin();
    await drop(host, 'input', `tcp sport ${deaf.port} tcp flags & (syn | ack) == (syn | ack)`);
    const { attempts } = await runConnectFail(host, {
      address: far.v4,
      port: deaf.port,
      connections: 5,
      synCount: 1,
    });
    const rows = await rig.rows(far);
    await deaf.stop();
    expect(rows.TcpInSegs.kernel).toBeGreaterThanOrEqual(2 * attempts);
    expect(Object.keys(causes(rows.TcpInSegs))).toEqual(['handshake']);
    expect(Object.keys(causes(rows.TcpOutSegs))).toEqual(['handshake']);
    expect(Object.keys(causes(rows.TcpRetransSegs))).toEqual(['handshake']);
    for (const row of Object.values(rows)) expect(row.unexplained).toBe(0);
  });

  it('has nothing unexplained after connections that end in every way', async () => {
    const options = {
      address: '127.0.0.1',
      port: server.port,
      connections: 1000,
      rounds: 2,
      parallel: 2,
    } as const;
    await runTcpClient(host, { ...options, close: 'mixed' });
    const report = await rig.report(host);
    expect(report.rows.map((row) => row.unexplained)).toEqual([0, 0, 0, 0, 0]);
    // Sockets whose peer's FIN comes late are few here: a name must not cover connections that were missed.
    for (const row of report.rows) expect(causes(row)['time_wait'] ?? 0).toBeLessThan(40);
    expect(auditExitCode(report)).toBe(0);
  });

  it('takes sockets that are older than the agent from where it began', async () => {
    const held = await HeldTcp.open(host, {
      address: '127.0.0.1',
      port: server.port,
      connections: 10,
      close: 'client-half',
    });
    await held.send(1000, 50);
    const later = new Rig();
    await later.begin();
    await held.send(1000, 50);
    await held.close();
    const rows = await later.rows(host);
    await later.close();
    expect(rows.TcpInSegs).toMatchObject({ verdict: 'exact', unexplained: 0 });
    expect(rows.TcpOutSegs).toMatchObject({ verdict: 'exact', unexplained: 0, explained: [] });
    expect(rows.TcpInSegs.kernel).toBeGreaterThanOrEqual(2 * 10 * 50);
  });
});

describe('the audit, of UDP', () => {
  let echo: TrafficServer<UdpTotals>;
  beforeAll(async () => {
    if (skipReason === null) echo = await startUdpServer(host, { echo: true });
  });
  beforeEach(async () => {
    if (skipReason === null) await quiet(host).then(() => rig.begin());
  });

  it.each([
    { address: '127.0.0.1', connected: true },
    { address: '127.0.0.1', connected: false },
    { address: '::1', connected: true },
    { address: '127.0.0.1', connected: true, mapped: true },
  ])('agrees to the datagram: $address, connected: $connected', async (options) => {
    const sent = await runUdpClient(host, {
      ...options,
      port: echo.port,
      count: 2000,
      size: [1, 1400],
      reply: true,
    });
    const rows = await rig.rows(host);
    expect(sent).toMatchObject({ sentDatagrams: 2000, receivedDatagrams: 2000 });
    expect(rows.UdpOutDatagrams).toMatchObject({ kernel: 4000, accounted: 4000, verdict: 'exact' });
    expect(rows.UdpInDatagrams).toMatchObject({ kernel: 4000, accounted: 4000, verdict: 'exact' });
  });

  it('says that it cannot tell where UDP is not counted', async () => {
    const without = new Rig({}, NEVER_NS, 'off');
    await without.begin();
    await runUdpClient(host, { address: '127.0.0.1', port: echo.port, count: 100, reply: true });
    const report = await without.report(host);
    await without.close();
    const udp = report.rows.filter((row) => row.counter.startsWith('Udp'));
    expect(udp.map((row) => [row.kernel, row.accounted, row.verdict])).toEqual([
      [200, 0, 'cannot tell'],
      [200, 0, 'cannot tell'],
    ]);
    expect(udp[0]?.reason).toBe('UDP is not counted');
  });
});

describe('an audit of an agent that loses something', () => {
  let losing: Rig;
  afterEach(async () => {
    await losing?.close();
  });

  it('is red while live sockets have no slot, and agrees again when their close has counted them', async () => {
    losing = new Rig({ slots: 64 });
    await losing.begin({ host, pid: server.process.pid }); // its listener may have no slot either
    const options = {
      address: '127.0.0.1',
      port: server.port,
      connections: 200,
      close: 'client-half',
    } as const;
    const held = await HeldTcp.open(host, options);
    await held.send(1000, 10);
    const report = await losing.report(host);
    await held.close();
    const after = await losing.rows(host);
    const [received, sent] = report.rows;
    expect(received).toMatchObject({ counter: 'TcpInSegs', verdict: 'unexplained' });
    expect(sent).toMatchObject({ counter: 'TcpOutSegs', verdict: 'unexplained' });
    expect(received?.unexplained).toBeGreaterThan(300 * 10);
    expect(auditExitCode(report)).toBe(1);
    expect(formatAuditTable(report)).toMatch(
      /\nverdict: unexplained: TcpInSegs of \d+ by \d+, TcpOutSegs of /,
    );
    expect(after.TcpInSegs.unexplained).toBe(0);
    expect(after.TcpOutSegs.unexplained).toBe(0);
  });

  it.each([true, false])(
    'is red when the flows that are over are left out, and only then: kept %s',
    async (kept) => {
      losing = new Rig({}, 1);
      losing.remembers = kept;
      await losing.begin();
      const options = {
        address: '127.0.0.1',
        port: server.port,
        connections: 300,
        close: 'client-half',
      } as const;
      await runTcpClient(host, options);
      for (let i = 0; i < 4; i++) {
        await losing.sampler.snapshot(); // idle flows begin to end, and have ended after more than a second
        await sleep(600);
      }
      const report = await losing.report(host);
      const told = [report.rows[0]?.verdict, report.rows[1]?.verdict];
      expect(losing.sampler.statistics.retired).toBeGreaterThan(0);
      expect(told).toEqual(kept ? ['exact', 'exact'] : ['unexplained', 'unexplained']);
      expect(auditExitCode(report)).toBe(kept ? 0 : 1);
    },
  );

  it('cannot tell when flows had no book, and says so', async () => {
    losing = new Rig({ books: 64 });
    await losing.begin({ host, pid: server.process.pid }); // a flow without a book names no namespace
    const binds = Array.from({ length: 60 }, (_, i) => `127.0.1.${i + 1}`);
    const options = {
      address: '127.0.0.1',
      port: server.port,
      connections: 60,
      close: 'client-half',
    } as const;
    await runTcpClient(host, { ...options, bind: binds });
    const rows = await losing.rows(host);
    expect(losing.monitor.counter('booksFull')).toBeGreaterThan(0);
    expect(rows.TcpInSegs).toMatchObject({
      verdict: 'cannot tell',
      reason: 'books_full: some flows had no book, so no namespace',
    });
    expect(rows.TcpInSegs.unexplained).toBeGreaterThan(0);
  });
});

describe('the namespaces of an audit', () => {
  it('are our own, and those that a process with sockets is in', async () => {
    await rig.begin();
    const { rows } = rig.all();
    const through = new Map(rows.map((row) => [row.netns, row.through]));
    expect(through.get(statSync('/proc/self/ns/net').ino)).toBe('self');
    expect(through.get(host.netnsInode)).toBe(`pid ${server.process.pid}`);
  });
});
