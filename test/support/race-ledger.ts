import { Role } from '../../src/abi/records.gen.ts';
import { Audit, type AuditRow, type BooksReading } from '../../src/collector/audit.ts';
import { kernelReading, type KernelReading } from '../../src/collector/audit-counters.ts';
import { AuditSums } from '../../src/collector/audit-sums.ts';
import type { Monitor } from '../../src/libbpf/monitor.ts';
import { FlowState, type FlowColumns, type FlowTable, OTHER } from '../../src/tracker/flow-table.ts';
import { parseSnmp, parseSnmp6, parseSockstat, type SnmpCounters } from '../../src/util/snmp.ts';
import type { Host } from '../hosts/host.ts';
import { RaceTimes } from './race-times.ts';

/** What one side of the traffic must come to, or has come to. */
export interface SideSums {
  readonly sentBytes: number;
  readonly receivedBytes: number;
  readonly opened: number;
  readonly closed: number;
}
type Sums = { -readonly [K in keyof SideSums]: SideSums[K] };

export interface Sides<T = SideSums> {
  readonly client: T;
  readonly server: T;
}

/** Counted less expected, where they are not the same. */
export interface Difference {
  readonly what: string;
  readonly difference: number;
}

const NAMES = ['sentBytes', 'receivedBytes', 'opened', 'closed'] as const;
const WATCHED = [
  ...NAMES,
  'sentSegs',
  'receivedSegs',
  'retransSegs',
  'retransBytes',
  'reset',
  'busyJiffies',
  'receiverLimitedJiffies',
  'sndbufLimitedJiffies',
] as const;

/**
 * The flows of two hosts during a race: their sums with those of flows that ended, whether any of them ever fell, and
 * the kernel's own counters of both namespaces beside them.
 */
export class Ledger {
  /** Counters that were smaller in a snapshot than in the one before. */
  readonly fell: string[] = [];
  readonly #flows: FlowTable;
  readonly #hosts: Sides<Host>;
  readonly #netns: Sides<number>;
  readonly #gone: Sides<Map<number, Sums>> = { client: new Map(), server: new Map() };
  readonly #last: Readonly<Record<keyof FlowColumns, Float64Array>>;
  readonly #segments: AuditSums;
  readonly times: RaceTimes;

  constructor(flows: FlowTable, monitor: Monitor, hosts: Sides<Host>) {
    this.#flows = flows;
    this.#hosts = hosts;
    this.#netns = { client: hosts.client.netnsInode, server: hosts.server.netnsInode };
    this.#segments = new AuditSums(flows);
    this.times = new RaceTimes(flows, monitor);
    const columns = WATCHED.map((name) => [name, new Float64Array(flows.capacity)] as const);
    this.#last = Object.fromEntries(columns) as Record<keyof FlowColumns, Float64Array>;
  }

  /** After each snapshot. */
  watch(): void {
    for (let i = 0; i < this.#flows.rowCount; i++) {
      const row = this.#flows.rows[i] ?? 0;
      if (this.#flows.state[row] === FlowState.free) continue;
      for (const name of WATCHED) {
        const before = this.#last[name][row] ?? 0;
        const now = this.#flows.columns[name][row] ?? 0;
        if (now < before || now > Number.MAX_SAFE_INTEGER)
          this.fell.push(`${name} of row ${row}: ${before} to ${now}`);
        this.#last[name][row] = now;
      }
    }
  }

  /** Before a row is cleared. */
  forget(row: number): void {
    this.#segments.forget(row);
    this.times.forget(row);
    for (const side of ['client', 'server'] as const) {
      if (this.#flows.netns(row) === this.#netns[side]) this.#addRow(row, this.#gone[side]);
    }
    for (const name of WATCHED) this.#last[name][row] = 0;
  }

  /** What the flows say less what is expected, by side. Anything under another role or port is there by its name. */
  differences(port: number, expected: Sides): Difference[] {
    return (['client', 'server'] as const).flatMap((side) => {
      const role = side === 'client' ? Role.ROLE_CLIENT : Role.ROLE_SERVER;
      const byFlow = this.#sums(side);
      const found: Difference[] = [];
      const own = byFlow.get(flowOf(role, port)) ?? nothing();
      byFlow.delete(flowOf(role, port));
      for (const name of NAMES) {
        if (own[name] !== expected[side][name])
          found.push({ what: `${side} ${name}`, difference: own[name] - expected[side][name] });
      }
      for (const [flow, sums] of byFlow) {
        const what = `${side} under role ${flow >>> 16} port ${flow & 0xffff}:`;
        for (const name of NAMES)
          if (sums[name] !== 0) found.push({ what: `${what} ${name}`, difference: sums[name] });
      }
      return found.slice(0, 24);
    });
  }

  /** All bytes of the row `other`, of whatever namespace. */
  get other(): SideSums {
    const sums = nothing();
    for (const name of NAMES) sums[name] = this.#flows.columns[name][OTHER] ?? 0;
    return sums;
  }

  /** The audit of both namespaces from `first`, which was read before anything was opened. Only while nothing moves. */
  async audit(first: Sides<KernelReading>, monitor: Monitor): Promise<AuditRow[]> {
    const audit = new Audit();
    const sums = new AuditSums(this.#flows);
    this.#observe(audit, sums, first, monitor);
    this.#segments.update();
    this.#observe(audit, this.#segments, await kernelCounters(this.#hosts), monitor);
    return audit.rows().filter((row) => row.counter.startsWith('Tcp'));
  }

  #observe(audit: Audit, sums: AuditSums, kernel: Sides<KernelReading>, monitor: Monitor): void {
    const none = { receivedSegs: 0, sentSegs: 0, retransSegs: 0 };
    const unseen = sums === this.#segments ? unseenSegs(monitor) : none;
    for (const side of ['client', 'server'] as const) {
      const netns = this.#netns[side];
      const reading = {
        netns,
        through: side,
        before: kernel[side],
        after: kernel[side],
        accounted: sums.of(netns),
        outsiders: { tcp: false, udp: false },
      };
      audit.observe(reading, { unseen, other: sums.other(), udpCounted: false });
    }
  }

  #sums(side: keyof Sides): Map<number, Sums> {
    const sums = new Map([...this.#gone[side]].map(([flow, gone]) => [flow, { ...gone }]));
    for (let i = 0; i < this.#flows.rowCount; i++) {
      const row = this.#flows.rows[i] ?? 0;
      const used = row !== OTHER && this.#flows.state[row] !== FlowState.free;
      if (used && this.#flows.netns(row) === this.#netns[side]) this.#addRow(row, sums);
    }
    return sums;
  }

  #addRow(row: number, to: Map<number, Sums>): void {
    const flow = flowOf(this.#flows.role(row), this.#flows.port(row));
    let sums = to.get(flow);
    if (!sums) to.set(flow, (sums = nothing()));
    for (const name of NAMES) sums[name] += this.#flows.columns[name][row] ?? 0;
  }
}

function flowOf(role: number, port: number): number {
  return role * 65_536 + port;
}

function nothing(): Sums {
  return { sentBytes: 0, receivedBytes: 0, opened: 0, closed: 0 };
}

function unseenSegs(monitor: Monitor): BooksReading['unseen'] {
  return {
    receivedSegs: monitor.counter('unseenReceivedSegs'),
    sentSegs: monitor.counter('unseenSentSegs'),
    retransSegs: monitor.counter('unseenRetransSegs'),
  };
}

/** What the kernel itself has counted in both namespaces. */
export async function kernelCounters(hosts: Sides<Host>): Promise<Sides<KernelReading>> {
  const [client, server] = await Promise.all([hosts.client, hosts.server].map(readCounters));
  if (!client || !server) throw new Error('no namespace to read');
  return { client, server };
}

async function readCounters(host: Host): Promise<KernelReading> {
  const counters: SnmpCounters = new Map();
  parseSnmp(await host.procNet('snmp'), counters);
  parseSnmp(await host.procNet('netstat'), counters);
  parseSockstat(await host.procNet('sockstat'), counters);
  parseSnmp6(await host.procNet('snmp6'), counters);
  return kernelReading(counters);
}
