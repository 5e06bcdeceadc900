// Whatever bytes the kernel's memory holds, and whatever a walk brings: a page is made of it, and it reads back.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Book, BookState, Distributions, LiveRecord } from '../../../src/abi/records.gen.ts';
import { ConnectionSeries } from '../../../src/collector/connection-series.ts';
import { EdgeSeries } from '../../../src/collector/edge-series.ts';
import { FlowNames } from '../../../src/collector/flow-names.ts';
import { ListenerSeries } from '../../../src/collector/listener-series.ts';
import { ChunkPool } from '../../../src/expose/chunk-pool.ts';
import { writePage } from '../../../src/expose/write-page.ts';
import { FlowDistributions } from '../../../src/tracker/flow-distributions.ts';
import { FlowTable } from '../../../src/tracker/flow-table.ts';
import { LiveTable } from '../../../src/tracker/live-table.ts';
import { Page } from '../../support/page.ts';
import { countingPacer, textOf } from '../expose/sample-page.ts';
import { Names, TTL_NS } from './machine.ts';

const BOOKS = 4;
const SLOTS = 4;
const MINUTE_NS = 60e9;

/** Memory of the maps at a snapshot: often zeros and ones, so that random keys meet. */
const byte = fc.oneof(fc.nat(255), fc.constantFrom(0, 1, 2, 255));
function memory(bytes: number): fc.Arbitrary<Uint8Array> {
  return fc.array(byte, { minLength: bytes, maxLength: bytes }).map((values) => Uint8Array.from(values));
}
const anySnapshot = fc.record({
  books: memory(BOOKS * Book.size),
  distributions: memory(BOOKS * Distributions.size),
  records: fc.integer({ min: 0, max: SLOTS + 2 }).chain((count) => memory(count * LiveRecord.size)),
  used: fc.array(fc.boolean(), { minLength: BOOKS, maxLength: BOOKS }),
  nowNs: fc.oneof(fc.nat({ max: 2 ** 53 - 1 }), fc.constant(MINUTE_NS)),
});

/** All that turns memory into a page, as the agent puts it together. */
class Pipeline {
  readonly books = new ArrayBuffer(BOOKS * Book.size);
  readonly times = new ArrayBuffer(BOOKS * Distributions.size);
  readonly flows = new FlowTable(this.books);
  readonly live = new LiveTable(SLOTS, true);
  readonly identity = new Names();
  readonly names = new FlowNames(this.flows, this.identity);
  readonly series = new ConnectionSeries(this.flows, this.live, this.names, 5);
  readonly listeners = new ListenerSeries({
    live: this.live,
    identity: this.identity,
    level: 'workload',
    ttlNs: TTL_NS,
  });
  readonly edges = new EdgeSeries({
    flows: this.flows,
    live: this.live,
    names: this.names,
    budget: 3,
    ttlNs: TTL_NS,
    distributions: new FlowDistributions(this.times, BOOKS),
    jiffiesPerSecond: () => 250,
  });

  async page(of: typeof anySnapshot extends fc.Arbitrary<infer T> ? T : never): Promise<Page> {
    const { flows, live, series, edges, listeners } = this;
    new Uint8Array(this.books).set(of.books);
    new Uint8Array(this.times).set(of.distributions);
    const words = new Uint32Array(this.books);
    of.used.forEach((used, row) => {
      if (used) words[(row * Book.size + Book.state) >>> 2] = BookState.BOOK_USED;
    });
    live.begin(flows);
    live.add(new Uint32Array(of.records.buffer), of.records.length / LiveRecord.size, of.nowNs, flows);
    flows.update(of.nowNs);
    for (const row of flows.retired(of.nowNs)) this.#forget(row);
    for (const row of flows.idle(of.nowNs, TTL_NS, BOOKS)) flows.beginRetiring(row, of.nowNs);
    await this.names.learn();
    await listeners.learn();
    for (const work of [
      this.names.update(of.nowNs),
      series.update(of.nowNs),
      edges.update(of.nowNs),
      listeners.update(of.nowNs),
    ])
      [...work].forEach(() => {});
    series.publish();
    edges.publish();
    const blocks = [...series.blocks(), ...edges.blocks(), ...listeners.blocks()];
    return new Page(textOf(await writePage(blocks, 'text', new ChunkPool(), countingPacer())));
  }

  #forget(row: number): void {
    this.series.forget(row);
    this.edges.forget(row);
    this.names.forget(row);
    this.flows.clear(row);
  }
}

describe('a machine whose memory holds anything', () => {
  test('gives pages within the budget, of numbers that can be, one after the other', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anySnapshot, { minLength: 1, maxLength: 4 }), async (snapshots) => {
        const pipeline = new Pipeline();
        for (const snapshot of snapshots) {
          const page = await pipeline.page(snapshot);
          expect(page.find('bytes_sent').length).toBeLessThanOrEqual(5);
          expect(page.samples.filter(({ value }) => !(value >= 0 && value < Infinity))).toEqual([]);
          expect(pipeline.live.count).toBeLessThanOrEqual(SLOTS);
        }
      }),
      { numRuns: 150 },
    );
  });
});
