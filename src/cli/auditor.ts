import { Audit, type BooksReading } from '../collector/audit.ts';
import { AuditSums } from '../collector/audit-sums.ts';
import type { Monitor } from '../libbpf/monitor.ts';
import type { FlowTable } from '../tracker/flow-table.ts';
import type { LiveTable } from '../tracker/live-table.ts';
import { AuditSources } from './audit-sources.ts';
import type { AuditReport } from './audit-table.ts';

/** The audit beside the snapshots: the kernel's counters are read before and after each, and compared with its sums. */
export class Auditor {
  readonly #monitor: Monitor;
  readonly #live: LiveTable;
  readonly #sources: AuditSources;
  readonly #sums: AuditSums;
  readonly #audit = new Audit();

  constructor(monitor: Monitor, flows: FlowTable, live: LiveTable, sources = new AuditSources()) {
    this.#monitor = monitor;
    this.#live = live;
    this.#sources = sources;
    this.#sums = new AuditSums(flows);
  }

  /** Before the walk begins. */
  begin(): void {
    this.#sources.begin();
  }

  /** A flow is over: before its row is cleared. */
  forget(row: number): void {
    this.#sums.forget(row);
  }

  /** After the walk has ended and the flow table is up to date. Yields where it may pause. */
  *end(): Generator<void> {
    const readings = this.#sources.end();
    yield* this.#sums.read();
    const books = this.#books();
    for (const reading of readings) {
      const outsiders = this.#monitor.outsiders(reading.netns);
      this.#audit.observe({ ...reading, accounted: this.#sums.of(reading.netns), outsiders }, books);
    }
    this.#sources.refresh(this.#live);
    this.#audit.keep(this.#sources.readable);
    this.#sums.keep(this.#audit);
  }

  report(): AuditReport {
    return {
      rows: this.#audit.rows(),
      unreadable: this.#sources.unreadable,
      skipped: this.#audit.skipped,
    };
  }

  #books(): BooksReading {
    return {
      unseen: {
        receivedSegs: this.#monitor.counter('unseenReceivedSegs'),
        sentSegs: this.#monitor.counter('unseenSentSegs'),
        retransSegs: this.#monitor.counter('unseenRetransSegs'),
      },
      other: this.#sums.other(),
      udpCounted: this.#monitor.udp !== 'off',
    };
  }
}
