import type { Monitor } from '../../src/libbpf/monitor.ts';
import {
  type DistributionName,
  emptyDistributions,
  FlowDistributions,
} from '../../src/tracker/flow-distributions.ts';
import { FlowState, type FlowTable } from '../../src/tracker/flow-table.ts';
import type { Edit } from './mutant.ts';

/** How many connections were measured in each way, and how long sockets were busy, in all flows of a race together. */
export interface TimesResult extends Readonly<Record<DistributionName, number>> {
  readonly busyJiffies: number;
  /** The same, as sockets had it at their ends, by the programs of a race alone. */
  readonly toldJiffies: number;
}

/**
 * Has the programs add up what each socket was busy for when it closed, less what it brought from before: in a counter of
 * UDP's, which no race counts.
 */
export const TELL_TIMES: readonly Edit[] = [
  {
    file: 'kernel/tcp.bpf.c',
    find: '\tend.min_rtt_us = tp->rtt_min.s[0].v;\n',
    put: '\tend.min_rtt_us = tp->rtt_min.s[0].v;\n\tadd(control.udp_peer_full, end.totals.busy_jiffies);\n',
  },
  {
    file: 'kernel/include/slots.bpf.h',
    find: '\t\tbegin_measures(index, tp, born_ns);\n',
    put: `\t\tbegin_measures(index, tp, born_ns);
		if (tp && born_ns) {
			struct totals brought = {};

			read_times(tp, true, &brought);
			__sync_fetch_and_add(&control.udp_peer_full, -(__u64)brought.busy_jiffies);
		}
`,
  },
];

/** The times of all flows of a race, those that ended included. The programs see no others, so `other` is of the race too. */
export class RaceTimes {
  readonly #flows: FlowTable;
  readonly #monitor: Monitor;
  readonly #distributions: FlowDistributions;
  readonly #taken = emptyDistributions();
  #busyJiffies = 0;

  constructor(flows: FlowTable, monitor: Monitor) {
    this.#flows = flows;
    this.#monitor = monitor;
    this.#distributions = new FlowDistributions(monitor.books.distributions, flows.capacity);
  }

  /** Before a row is cleared. */
  forget(row: number): void {
    this.#distributions.take(row, this.#taken);
    this.#distributions.clear(row);
    this.#busyJiffies += this.#flows.columns.busyJiffies[row] ?? 0;
  }

  /** After the last snapshot. */
  result(): TimesResult {
    let busyJiffies = this.#busyJiffies;
    for (let i = 0; i < this.#flows.rowCount; i++) {
      const row = this.#flows.rows[i] ?? 0;
      if (this.#flows.state[row] === FlowState.free) continue;
      this.#distributions.take(row, this.#taken);
      busyJiffies += this.#flows.columns.busyJiffies[row] ?? 0;
    }
    const count = (name: DistributionName): number => this.#taken[name].counts.reduce((sum, n) => sum + n, 0);
    return {
      connect: count('connect'),
      rtt: count('rtt'),
      duration: count('duration'),
      busyJiffies,
      toldJiffies: Number(BigInt.asIntN(64, BigInt(this.#monitor.counter('udpPeerFull')))),
    };
  }
}
