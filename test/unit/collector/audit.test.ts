import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Audit, type AuditRow, type BooksReading } from '../../../src/collector/audit.ts';
import {
  AUDITED,
  type Audited,
  kernelReading,
  type KernelReading,
} from '../../../src/collector/audit-counters.ts';
import { auditSamples } from '../../../src/collector/audit-samples.ts';
import type { Accounted } from '../../../src/collector/audit-sums.ts';

type Counters = Readonly<Record<string, number>>;

const NOTHING: Accounted = {
  TcpInSegs: 0,
  TcpOutSegs: 0,
  TcpRetransSegs: 0,
  UdpInDatagrams: 0,
  UdpOutDatagrams: 0,
  connects: 0,
  finsDue: 0,
};
const NOBODY = { tcp: false, udp: false };
const BOOKS: BooksReading = {
  unseen: { receivedSegs: 0, sentSegs: 0, retransSegs: 0 },
  other: NOTHING,
  udpCounted: true,
};

function kernel(counters: Counters): KernelReading {
  return kernelReading(new Map(Object.entries(counters)));
}

/** A snapshot of namespace 7: what the kernel had before and after it, and what the agent had. */
function observe(audit: Audit, before: Counters, accounted: Partial<Accounted>, rest: Rest = {}): void {
  const { after = before, books = {}, netns = 7, outsiders = NOBODY } = rest;
  const reading = {
    netns,
    through: 'self',
    before: kernel(before),
    after: kernel(after),
    accounted: { ...NOTHING, ...accounted },
    outsiders,
  };
  audit.observe(reading, { ...BOOKS, ...books });
}
interface Rest {
  readonly after?: Counters;
  readonly books?: Partial<BooksReading>;
  readonly netns?: number;
  readonly outsiders?: { readonly tcp: boolean; readonly udp: boolean };
}

/** The rows of a namespace in which `counters` and `accounted` have passed between two snapshots in quiet moments. */
function passed(counters: Counters, accounted: Partial<Accounted>, books: Partial<BooksReading> = {}): Rows {
  const audit = new Audit();
  observe(audit, {}, {});
  observe(audit, counters, accounted, { books });
  return byCounter(audit.rows());
}

type Rows = Record<Audited, AuditRow>;
function byCounter(rows: readonly AuditRow[]): Rows {
  return Object.fromEntries(rows.map((row) => [row.counter, row])) as Rows;
}

function causes(row: AuditRow): Record<string, number> {
  return Object.fromEntries(row.explained.map(({ cause, count }) => [cause, count]));
}

describe('the audit of a quiet namespace', () => {
  it('is exact when both sides have counted the same', () => {
    const { TcpInSegs } = passed({ TcpInSegs: 136_000 }, { TcpInSegs: 136_000 });
    expect(TcpInSegs).toMatchObject({
      netns: 7,
      through: 'self',
      kernel: 136_000,
      accounted: 136_000,
      explained: [],
      unexplained: 0,
      verdict: 'exact',
    });
  });

  it.each([-1, 1])('is red for a single segment too many or too few: %d', (difference) => {
    for (const counter of AUDITED) {
      const rows = passed({ [counter]: 1000 + difference }, { [counter]: 1000 });
      expect(rows[counter]).toMatchObject({ unexplained: difference, verdict: 'unexplained', explained: [] });
    }
  });

  it('cannot tell where sockets of other nodes are too, unless nothing is missing', () => {
    const look = (counted: number, outsiders: { tcp: boolean; udp: boolean }): Rows => {
      const audit = new Audit();
      observe(audit, {}, {});
      observe(
        audit,
        { TcpInSegs: counted, UdpInDatagrams: counted },
        { TcpInSegs: 10, UdpInDatagrams: 10 },
        { outsiders },
      );
      return byCounter(audit.rows());
    };
    const both = { tcp: true, udp: true };
    const reason = 'sockets of another node use this namespace too';
    expect(look(12, both).TcpInSegs).toMatchObject({ verdict: 'cannot tell', reason, unexplained: 2 });
    expect(look(12, both).UdpInDatagrams).toMatchObject({ verdict: 'cannot tell', reason });
    expect(look(12, { tcp: false, udp: true }).TcpInSegs.verdict).toBe('unexplained');
    expect(look(12, { tcp: true, udp: false }).UdpInDatagrams.verdict).toBe('unexplained');
    expect(look(10, both).TcpInSegs.verdict).toBe('exact');
    expect(look(9, both).TcpInSegs.verdict).toBe('unexplained'); // they can only add
  });

  it('begins where it first sees a namespace', () => {
    const audit = new Audit();
    observe(audit, { TcpInSegs: 5000, TcpOutRsts: 900 }, { TcpInSegs: 77 });
    expect(byCounter(audit.rows()).TcpInSegs).toMatchObject({
      kernel: 0,
      accounted: 0,
      verdict: 'cannot tell',
      reason: 'read once so far',
    });
    observe(audit, { TcpInSegs: 5010, TcpOutRsts: 900 }, { TcpInSegs: 85 });
    expect(byCounter(audit.rows()).TcpInSegs).toMatchObject({ kernel: 10, accounted: 8, unexplained: 2 });
  });

  it('adds both families of UDP', () => {
    const rows = passed(
      { UdpInDatagrams: 3, Udp6InDatagrams: 4, UdpOutDatagrams: 5, Udp6OutDatagrams: 6 },
      { UdpInDatagrams: 7, UdpOutDatagrams: 11 },
    );
    expect(rows.UdpInDatagrams).toMatchObject({ kernel: 7, verdict: 'exact' });
    expect(rows.UdpOutDatagrams).toMatchObject({ kernel: 11, verdict: 'exact' });
  });
});

describe('what the kernel counts one for one', () => {
  it("takes a listener's SYN-ACKs from what was sent, and stays exact", () => {
    const { TcpOutSegs } = passed({ TcpOutSegs: 121_920, TcpPassiveOpens: 12_192 }, { TcpOutSegs: 109_728 });
    expect(TcpOutSegs).toMatchObject({ verdict: 'exact', unexplained: 0 });
    expect(causes(TcpOutSegs)).toEqual({ syn_ack: 12_192 });
  });

  it('does not let SYN-ACKs hide what sockets have counted too much', () => {
    const { TcpOutSegs } = passed({ TcpOutSegs: 100, TcpPassiveOpens: 10 }, { TcpOutSegs: 95 });
    expect(TcpOutSegs).toMatchObject({ verdict: 'unexplained', unexplained: -5 });
  });

  const GRO = { TcpInSegs: 100, IpInReceives: 100, IpExtInNoECTPkts: 400, IpExtInECT0Pkts: 50 };

  it('takes segments that arrived together, from the IP layer, which counts both', () => {
    const { TcpInSegs } = passed(GRO, { TcpInSegs: 450 });
    expect(TcpInSegs).toMatchObject({ verdict: 'exact', unexplained: 0 });
    expect(causes(TcpInSegs)).toEqual({ aggregated: -350 });
  });

  it('does not let them hide a segment that was missed', () => {
    expect(passed(GRO, { TcpInSegs: 449 }).TcpInSegs).toMatchObject({
      verdict: 'unexplained',
      unexplained: 1,
    });
    expect(passed(GRO, { TcpInSegs: 451 }).TcpInSegs).toMatchObject({
      verdict: 'unexplained',
      unexplained: -1,
    });
  });

  it('is of IPv6 too, and ICMP has none', () => {
    const counters = { TcpInSegs: 10, Ip6InReceives: 15, Icmp6InMsgs: 5, Ip6InNoECTPkts: 45 };
    expect(passed(counters, { TcpInSegs: 40 }).TcpInSegs).toMatchObject({ verdict: 'exact', unexplained: 0 });
  });

  it('leaves open whose they were where packets went elsewhere, and no more than these may have brought', () => {
    const counters = { TcpInSegs: 100, IpInReceives: 101, IpExtInNoECTPkts: 500 }; // one may have brought 127 more
    const told = (accounted: number): AuditRow => passed(counters, { TcpInSegs: accounted }).TcpInSegs;
    expect(told(499)).toMatchObject({ verdict: 'explained', unexplained: 0 });
    expect(told(372)).toMatchObject({ verdict: 'explained', unexplained: 0 });
    expect(told(371)).toMatchObject({ verdict: 'unexplained', unexplained: 1 });
    expect(told(500)).toMatchObject({ verdict: 'unexplained', unexplained: -1 });
  });
});

describe('named causes', () => {
  it.each([
    ['TcpInSegs', 'reset', { TcpOutRsts: 5 }, 5],
    ['TcpInSegs', 'bad_segment', { TcpInErrs: 3, TcpInCsumErrors: 3, TcpExtTCPMinTTLDrop: 2 }, 5],
    ['TcpInSegs', 'time_wait_again', { TcpExtTW: 3, TcpExtTWKilled: 2, TcpExtTWRecycled: 9 }, 5],
    ['TcpInSegs', 'handshake', { TcpExtTCPSynRetrans: 1, TcpExtEmbryonicRsts: 1, TcpExtListenDrops: 2 }, 5],
    [
      'TcpInSegs',
      'handshake',
      { TcpExtSyncookiesSent: 9, TcpExtSyncookiesRecv: 5, TcpExtSyncookiesFailed: 1 },
      5,
    ],
    ['TcpOutSegs', 'reset', { TcpOutRsts: 5 }, 5],
    ['TcpOutSegs', 'time_wait_again', { TcpExtTW: 5 }, 5],
    ['TcpOutSegs', 'handshake', { TcpExtTCPSynRetrans: 2, TcpExtEmbryonicRsts: 1 }, 5],
    ['TcpOutSegs', 'connecting', { TcpActiveOpens: 5 }, 5],
    ['TcpRetransSegs', 'handshake', { TcpExtTCPSynRetrans: 5 }, 5],
  ] as const)('explain what is missing of %s: %s, up to its limit', (counter, cause, counters, limit) => {
    const within = passed({ ...counters, [counter]: 100 }, { [counter]: 100 - limit })[counter];
    expect(within).toMatchObject({ verdict: 'explained', unexplained: 0 });
    expect(causes(within)).toEqual({ [cause]: limit });
    const beyond = passed({ ...counters, [counter]: 100 }, { [counter]: 100 - limit - 1 })[counter];
    expect(beyond).toMatchObject({ verdict: 'unexplained', unexplained: 1 });
    const none = passed({ ...counters, [counter]: 100 }, { [counter]: 100 })[counter];
    expect(none).toMatchObject({ verdict: 'exact', explained: [] });
    const excess = passed({ ...counters, [counter]: 100 }, { [counter]: 101 })[counter];
    expect(excess).toMatchObject({ verdict: 'unexplained', unexplained: -1 });
  });

  it('do not count resets that answer nothing: those of a socket closed with data unread', () => {
    const { TcpInSegs } = passed(
      { TcpInSegs: 100, TcpOutRsts: 5, TcpExtTCPAbortOnClose: 4 },
      { TcpInSegs: 98 },
    );
    expect(causes(TcpInSegs)).toEqual({ reset: 1 });
    expect(TcpInSegs.unexplained).toBe(1);
  });

  it('explain what sockets have too much: those older than the agent that only their close has shown', () => {
    const books = { unseen: { receivedSegs: 10, sentSegs: 20, retransSegs: 3 } };
    const counters = { TcpInSegs: 100, TcpOutSegs: 100, TcpRetransSegs: 1 };
    const rows = passed(counters, { TcpInSegs: 110, TcpOutSegs: 119, TcpRetransSegs: 5 }, books);
    expect(causes(rows.TcpInSegs)).toEqual({ older_than_agent: -10 });
    expect(causes(rows.TcpOutSegs)).toEqual({ older_than_agent: -19 });
    expect(rows.TcpRetransSegs).toMatchObject({ unexplained: -1, verdict: 'unexplained' });
  });

  it('explain a FIN for each connection that closed before it came, and name apart what is more', () => {
    const counters = { TcpInSegs: 100, TcpExtTW: 9 };
    const told = (accounted: number): AuditRow =>
      passed(counters, { TcpInSegs: accounted, finsDue: 3 }).TcpInSegs;
    expect(causes(told(97))).toEqual({ time_wait: 3 });
    expect(causes(told(95))).toEqual({ time_wait: 3, time_wait_again: 2 });
    expect(told(87)).toMatchObject({ unexplained: 1, verdict: 'unexplained' });
  });

  it('explain sends that the device refused and the call did not', () => {
    const rows = passed({ UdpOutDatagrams: 90, Udp6SndbufErrors: 10 }, { UdpOutDatagrams: 100 });
    expect(causes(rows.UdpOutDatagrams)).toEqual({ send_buffer: -10 });
    expect(rows.UdpOutDatagrams.verdict).toBe('explained');
  });

  it('explain SYNs of connects that have not ended, and of those from before the beginning that have', () => {
    const missing = passed({ TcpOutSegs: 10, TcpActiveOpens: 8 }, { TcpOutSegs: 7, connects: 5 }).TcpOutSegs;
    expect(causes(missing)).toEqual({ connecting: 3 });
    const excess = passed({ TcpOutSegs: 10, TcpActiveOpens: 5 }, { TcpOutSegs: 13, connects: 8 }).TcpOutSegs;
    expect(causes(excess)).toEqual({ connecting: -3 });
  });
});

describe('counters that move while a snapshot is taken', () => {
  /** 10 segments pass during the first snapshot, 100 between, 20 during the second. */
  function busy(accounted: number): AuditRow {
    const audit = new Audit();
    observe(audit, { TcpInSegs: 0 }, { TcpInSegs: 0 }, { after: { TcpInSegs: 10 } });
    observe(audit, { TcpInSegs: 110 }, { TcpInSegs: accounted }, { after: { TcpInSegs: 130 } });
    return byCounter(audit.rows()).TcpInSegs;
  }

  it.each([
    [110, 0, 'exact'],
    [130, -20, 'explained'],
    [100, 10, 'explained'],
  ])('leave it open which side of a reading they are on: %d', (accounted, reading, verdict) => {
    expect(busy(accounted)).toMatchObject({ unexplained: 0, verdict });
    expect(causes(busy(accounted))['while_reading'] ?? 0).toBe(reading);
  });

  it.each([
    [131, -1],
    [99, 1],
  ])('explain nothing beyond the two readings: %d', (accounted, unexplained) => {
    expect(busy(accounted)).toMatchObject({ unexplained, verdict: 'unexplained' });
  });

  it('do so for the SYN-ACKs too', () => {
    const audit = new Audit();
    observe(audit, {}, {});
    const before = { TcpOutSegs: 100, TcpPassiveOpens: 10 };
    const after = { TcpOutSegs: 103, TcpPassiveOpens: 12 };
    observe(audit, before, { TcpOutSegs: 93 }, { after });
    expect(byCounter(audit.rows()).TcpOutSegs).toMatchObject({ unexplained: 0, verdict: 'explained' });
  });
});

describe('what cannot be told', () => {
  it('is UDP that is not counted', () => {
    const audit = new Audit();
    const books = { udpCounted: false };
    observe(audit, {}, {}, { books });
    observe(audit, { UdpInDatagrams: 5, TcpInSegs: 1 }, { TcpInSegs: 1 }, { books });
    const rows = byCounter(audit.rows());
    expect(rows.UdpInDatagrams).toMatchObject({ verdict: 'cannot tell', reason: 'UDP is not counted' });
    expect(rows.UdpOutDatagrams.verdict).toBe('cannot tell');
    expect(rows.TcpInSegs.verdict).toBe('exact');
  });

  it('is a namespace that misses no more than what had no book, and no other', () => {
    const books = { other: { ...NOTHING, TcpInSegs: 10 } };
    const told = (accounted: number): AuditRow =>
      passed({ TcpInSegs: 100 }, { TcpInSegs: accounted }, books).TcpInSegs;
    expect(told(90).verdict).toBe('cannot tell');
    expect(told(90).reason).toMatch(/^books_full: /);
    expect(told(100).verdict).toBe('exact');
    expect(told(89).verdict).toBe('unexplained');
    expect(told(101).verdict).toBe('unexplained');
  });
});

describe('namespaces', () => {
  it('are kept apart, and end when they cannot be read any more', () => {
    const audit = new Audit();
    for (const netns of [1, 2]) observe(audit, { TcpInSegs: 5 }, {}, { netns });
    observe(audit, { TcpInSegs: 9 }, { TcpInSegs: 4 }, { netns: 2 });
    audit.keep(new Set([2, 3]));
    expect([audit.has(1), audit.has(2), audit.has(3), audit.skipped]).toEqual([false, true, false, 0]);
    expect(byCounter(audit.rows()).TcpInSegs).toMatchObject({ netns: 2, kernel: 4, verdict: 'exact' });
  });

  it('begin anew when a counter has fallen: another namespace has the inode', () => {
    const audit = new Audit();
    observe(audit, { TcpInSegs: 500, IpInReceives: 900 }, { TcpInSegs: 400 });
    observe(audit, { TcpInSegs: 600, IpInReceives: 7 }, { TcpInSegs: 400 });
    expect(byCounter(audit.rows()).TcpInSegs.reason).toBe('read once so far');
    observe(audit, { TcpInSegs: 605, IpInReceives: 12 }, { TcpInSegs: 405 });
    expect(byCounter(audit.rows()).TcpInSegs).toMatchObject({ kernel: 5, accounted: 5, verdict: 'exact' });
  });

  it('are 256 at most; the rest is counted, and gets its turn', () => {
    const audit = new Audit();
    const all = Array.from({ length: 300 }, (_, i) => i + 1);
    for (const netns of all) observe(audit, {}, {}, { netns });
    audit.keep(new Set(all));
    expect([audit.rows().length, audit.skipped]).toEqual([256 * 5, 44]);
    observe(audit, {}, {}, { netns: 1 }); // one that is there goes on
    audit.keep(new Set(all.slice(200)));
    expect(audit.skipped).toBe(0);
    observe(audit, {}, {}, { netns: 300 });
    expect(audit.has(300)).toBe(true);
  });
});

describe('the sum of an audit', () => {
  const small = fc.nat({ max: 50 });
  const counters = fc.record(
    Object.fromEntries(
      [...AUDITED, 'TcpPassiveOpens', 'TcpOutRsts', 'TcpExtTW', 'TcpExtTCPSynRetrans', 'TcpActiveOpens']
        .concat(['IpInReceives', 'IpExtInNoECTPkts', 'UdpSndbufErrors', 'TcpInErrs'])
        .map((name) => [name, small]),
    ),
  );
  const sums = fc.record(Object.fromEntries(Object.keys(NOTHING).map((name) => [name, small])));

  it('is always kernel - accounted = explained + unexplained', () => {
    fc.assert(
      fc.property(counters, counters, counters, sums, (base, grown, window, accounted) => {
        const audit = new Audit();
        const plus = (a: Counters, b: Counters): Counters =>
          Object.fromEntries(Object.entries(a).map(([name, value]) => [name, value + (b[name] ?? 0)]));
        const after = plus(base, window);
        observe(audit, base, {}, { after });
        observe(audit, plus(after, grown), accounted, { after: plus(plus(after, grown), window) });
        for (const row of audit.rows()) {
          const explained = row.explained.reduce((sum, { count }) => sum + count, 0);
          expect(row.kernel - row.accounted).toBe(explained + row.unexplained);
          if (row.verdict === 'exact') expect(row.unexplained).toBe(0);
          expect(row.verdict === 'unexplained').toBe(row.unexplained !== 0);
        }
      }),
    );
  });
});

describe('the metrics of an audit', () => {
  it('are both sides, each cause and the rest', () => {
    const { TcpOutSegs } = passed({ TcpOutSegs: 15, TcpPassiveOpens: 2, TcpOutRsts: 1 }, { TcpOutSegs: 10 });
    const labels = ['7', 'TcpOutSegs'];
    expect(auditSamples([TcpOutSegs])).toEqual([
      { metric: 'kube_netc_agent_audit_kernel', labels, value: 15 },
      { metric: 'kube_netc_agent_audit_accounted', labels, value: 10 },
      { metric: 'kube_netc_agent_audit_explained', labels: [...labels, 'syn_ack'], value: 2 },
      { metric: 'kube_netc_agent_audit_explained', labels: [...labels, 'reset'], value: 1 },
      { metric: 'kube_netc_agent_audit_unexplained', labels, value: 2 },
    ]);
  });

  it('say nothing of what cannot be told', () => {
    const { UdpInDatagrams } = passed({ UdpInDatagrams: 5 }, {}, { udpCounted: false });
    expect(auditSamples([UdpInDatagrams]).map(({ metric, value }) => [metric, value])).toEqual([
      ['kube_netc_agent_audit_kernel', 5],
      ['kube_netc_agent_audit_accounted', 0],
    ]);
  });
});
