import { totalmem } from 'node:os';
import { readFileSync } from 'node:fs';
import { Measures, Owner, Slot } from '../abi/records.gen.ts';
import type { ClusterOptions } from './cluster.ts';
import type { EdgeView } from '../collector/edge-labels.ts';
import type { NamedNetwork } from '../collector/networks.ts';
import type { UdpChoice } from '../libbpf/monitor-plan.ts';
import type { ListenAddress } from '../server/listen-address.ts';

/** What `kube-netc agent` is told. */
export interface AgentOptions {
  readonly listen: ListenAddress;
  /** A page's numbers are at most so old. */
  readonly intervalMs: number;
  readonly udp: UdpChoice;
  /** Series of each of the five metrics. */
  readonly seriesBudget: number;
  /** Workload edges with series of their own. */
  readonly edgesBudget: number;
  readonly edgeView: EdgeView;
  /** What the scopes of addresses beyond the cluster are called. */
  readonly networks: readonly NamedNetwork[];
  /** A series dies so long after its last byte. */
  readonly seriesTtlMs: number;
  /** Places for live sockets and for flows, powers of two. */
  readonly slots: number;
  readonly books: number;
  readonly trackProcess: boolean;
  readonly programStats: boolean;
  /** Look at the cgroups below this directory alone, and count their sockets alone; undefined: found out. */
  readonly cgroupRoot: string | undefined;
  readonly cluster: ClusterOptions;
}

export const DEFAULTS = {
  intervalMs: 1_000,
  seriesBudget: 2_000,
  edgesBudget: 2_000,
  seriesTtlMs: 300_000,
  books: 16_384,
} as const;

const SLOT_BYTES = Slot.size + Measures.size + Owner.size;
const SLOTS_MIN = 16_384;
const SLOTS_MAX = 1_048_576;

/** The power of two at or above n. */
export function powerOfTwo(n: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(64, n)));
}

/** Room for live sockets by what memory there is: a thousandth of it, 16,384 to 1,048,576 sockets. */
export function defaultSlots(memoryBytes = memoryLimit()): number {
  const fitting = memoryBytes / 1000 / SLOT_BYTES;
  const power = 2 ** Math.floor(Math.log2(Math.max(1, fitting)));
  return Math.min(SLOTS_MAX, Math.max(SLOTS_MIN, power));
}

/** Memory of the machine, or of our cgroup if that is less. */
function memoryLimit(): number {
  for (const path of ['/sys/fs/cgroup/memory.max', '/sys/fs/cgroup/memory/memory.limit_in_bytes']) {
    try {
      const limit = Number(readFileSync(path, 'utf8'));
      if (Number.isFinite(limit) && limit > 0) return Math.min(limit, totalmem());
    } catch {
      // no such limit on this kind of host
    }
  }
  return totalmem();
}
