// hot
import type { FlowDistributions } from '../tracker/flow-distributions.ts';
import { FAILURES, type FlowTable, Protocol } from '../tracker/flow-table.ts';
import { COUNTED, type EdgeAccount, FAILED_AT } from './edge-account.ts';
import { FAILURE_BYTES } from './edge-ranking.ts';

/** Distributions are looked at in the snapshot in which a counter has moved and in the next: the kernel adds to them last. */
const LOOKS = 2;

/** How far each flow has been counted. Rows as in the flow table. */
export class FlowReadings {
  readonly #flows: FlowTable;
  readonly #distributions: Pick<FlowDistributions, 'take' | 'clear'>;
  /** In the order of COUNTED. */
  readonly #columns: readonly Float64Array[];
  readonly #taken: readonly Float64Array[];
  readonly #failedTaken: Float64Array;
  /** In how many snapshots distributions are still to be looked at, which are many numbers. */
  readonly #due: Uint8Array;

  constructor(flows: FlowTable, distributions: Pick<FlowDistributions, 'take' | 'clear'>) {
    this.#flows = flows;
    this.#distributions = distributions;
    this.#columns = COUNTED.map((name) => flows.columns[name]);
    this.#taken = COUNTED.map(() => new Float64Array(flows.capacity));
    this.#failedTaken = new Float64Array(flows.capacity * FAILURES);
    this.#due = new Uint8Array(flows.capacity).fill(LOOKS);
  }

  /** Payload bytes since the row was taken last, and what its failures count as. */
  growth(row: number): number {
    const { columns, failed } = this.#flows;
    const bytes = (columns.sentBytes[row] ?? 0) + (columns.receivedBytes[row] ?? 0);
    let growth = bytes - (this.#taken[SENT]?.[row] ?? 0) - (this.#taken[RECEIVED]?.[row] ?? 0);
    for (let at = row * FAILURES; at < (row + 1) * FAILURES; at++)
      growth += FAILURE_BYTES * ((failed[at] ?? 0) - (this.#failedTaken[at] ?? 0));
    return growth;
  }

  /** Adds what the row has counted since the last time. */
  take(row: number, to: EdgeAccount): void {
    const { counters } = to;
    let moved = false;
    for (let i = 0; i < COUNTED.length; i++) {
      const column = this.#columns[i];
      const taken = this.#taken[i];
      if (!column || !taken) continue;
      const value = column[row] ?? 0;
      const more = value - (taken[row] ?? 0);
      if (more === 0) continue;
      counters[i] = (counters[i] ?? 0) + more;
      taken[row] = value;
      moved = true;
    }
    for (let i = 0; i < FAILURES; i++) {
      const at = row * FAILURES + i;
      const value = this.#flows.failed[at] ?? 0;
      const more = value - (this.#failedTaken[at] ?? 0);
      if (more === 0) continue;
      counters[FAILED_AT + i] = (counters[FAILED_AT + i] ?? 0) + more;
      this.#failedTaken[at] = value;
    }
    if (this.#flows.protocol(row) === Protocol.udp) return;
    to.hasConnections = true;
    if (moved) this.#due[row] = LOOKS;
    const due = this.#due[row] ?? 0;
    if (due === 0) return;
    this.#due[row] = due - 1;
    this.#distributions.take(row, to.measured());
  }

  /** Adds the last of a row, which is another flow's next. */
  takeLast(row: number, to: EdgeAccount): void {
    this.#due[row] = LOOKS;
    this.take(row, to);
    for (const taken of this.#taken) taken[row] = 0;
    this.#failedTaken.fill(0, row * FAILURES, (row + 1) * FAILURES);
    this.#due[row] = LOOKS;
    this.#distributions.clear(row);
  }
}

const SENT = COUNTED.indexOf('sentBytes');
const RECEIVED = COUNTED.indexOf('receivedBytes');
