import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { BookState } from '../../../src/abi/records.gen.ts';
import { Sampler, type SamplerHooks } from '../../../src/cli/sampler.ts';
import type { Monitor } from '../../../src/libbpf/monitor.ts';
import { FlowTable } from '../../../src/tracker/flow-table.ts';
import { LiveTable } from '../../../src/tracker/live-table.ts';
import { BookMemory } from '../tracker/book-memory.ts';
import { type LiveFields, liveRecords } from '../tracker/live-records.ts';

const S = 1e9;
let nowNs = 0;

beforeEach(() => {
  nowNs = 1000 * S;
  vi.spyOn(process.hrtime, 'bigint').mockImplementation(() => BigInt(nowNs));
});
afterEach(() => vi.restoreAllMocks());

/** What the sampler uses of a monitor: three steps a walk, with these sockets in each. Writes down what is asked of it. */
class FakeMonitor {
  readonly memory = new BookMemory(512);
  readonly log: string[] = [];
  steps: LiveFields[][] = [
    [{ cookie: 1 }],
    [],
    [
      { cookie: 2, slot: 1 },
      { cookie: 3, slot: 2 },
    ],
  ];
  records: Uint32Array = new Uint32Array(0);
  failure: Error | null = null;
  #next = 0;

  readonly books = {
    forget: (key: Uint8Array): void => void this.log.push(`forget ${key[12]}`), // the port's low byte
    release: (row: number): void => {
      this.log.push(`release ${row}`);
      this.memory.release(row);
    },
  };

  beginWalk(): void {
    this.log.push('walk');
    this.#next = 0;
  }

  step(): { records: number; nowNs: number; done: boolean } {
    this.log.push('step');
    if (this.failure) throw this.failure;
    const records = this.steps[this.#next++] ?? [];
    this.records = liveRecords(records);
    return { records: records.length, nowNs, done: this.#next >= this.steps.length };
  }
}

function setUp(hooks: Partial<SamplerHooks> = {}): {
  monitor: FakeMonitor;
  flows: FlowTable;
  live: LiveTable;
  sampler: Sampler;
} {
  const monitor = new FakeMonitor();
  const flows = new FlowTable(monitor.memory.buffer);
  const live = new LiveTable(8);
  const all: SamplerHooks = {
    before: () => void monitor.log.push('before'),
    retiring: (row) => void monitor.log.push(`retiring ${row} ${flows.columns.sentBytes[row]}`),
    after: () => {
      monitor.log.push('after');
      return Promise.resolve();
    },
    ...hooks,
  };
  const sampler = new Sampler(monitor as unknown as Monitor, flows, live, 10 * S, all);
  return { monitor, flows, live, sampler };
}

describe('a snapshot', () => {
  test('walks all sockets, then reads the books, and ends with what is made of it', async () => {
    const { monitor, flows, live, sampler } = setUp();
    monitor.memory.open(1);
    monitor.memory.setState(9, BookState.BOOK_ORPHAN);
    expect(sampler.takenNs).toBe(0);
    await sampler.snapshot();
    expect(monitor.log).toEqual(['before', 'walk', 'step', 'step', 'step', 'release 9', 'after']);
    expect([...live.cookie.subarray(0, live.count)]).toEqual([1, 2, 3]);
    expect(flows.live[0]).toBe(3);
    expect(flows.rowCount).toBe(2);
    expect(sampler.takenNs).toBe(nowNs);
    expect(sampler.statistics.snapshots).toBe(1);
    const { lastMs, lastCpuMs, totalCpuMs, longestStepMs } = sampler.statistics;
    for (const ms of [lastMs, lastCpuMs, totalCpuMs, longestStepMs]) expect(ms).toBeGreaterThanOrEqual(0);
    expect(longestStepMs).toBeLessThanOrEqual(lastMs);
  });

  test('lets others have their turn between steps', async () => {
    const { monitor, sampler } = setUp();
    const turns: number[] = [];
    let running = true;
    const watch = (): void => {
      turns.push(monitor.log.filter((line) => line === 'step').length);
      if (running) setImmediate(watch);
    };
    setImmediate(watch);
    await sampler.snapshot();
    running = false;
    await nextTurn();
    expect(turns).toEqual(expect.arrayContaining([1, 2, 3]));
  });

  test('is the one under way for who asks meanwhile', async () => {
    const { monitor, sampler } = setUp();
    const both = [sampler.snapshot(), sampler.snapshot()];
    await nextTurn();
    both.push(sampler.snapshot());
    await Promise.all(both);
    expect(monitor.log.filter((line) => line === 'walk')).toHaveLength(1);
    expect(sampler.statistics.snapshots).toBe(1);
    await sampler.snapshot();
    expect(sampler.statistics.snapshots).toBe(2);
  });

  test('under way is not over before what is made of it is made', async () => {
    let release = (): void => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const { monitor, sampler } = setUp({ after: () => gate });
    monitor.memory.setState(9, BookState.BOOK_ORPHAN);
    const first = sampler.snapshot();
    while (!monitor.log.includes('release 9')) await nextTurn();
    await nextTurn();
    const second = sampler.snapshot();
    expect(sampler.takenNs).toBe(0);
    release();
    await Promise.all([first, second]);
    expect(sampler.statistics.snapshots).toBe(1);
  });

  test('that fails says so to all who wait, and the next one works', async () => {
    const { monitor, live, sampler } = setUp();
    monitor.failure = new Error('EPERM');
    const both = [sampler.snapshot(), sampler.snapshot()];
    expect((await Promise.allSettled(both)).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect([sampler.takenNs, sampler.statistics.snapshots]).toEqual([0, 0]);
    monitor.failure = null;
    await sampler.snapshot();
    expect([live.count, sampler.takenNs]).toEqual([3, nowNs]);
  });

  test('of which nothing could be made has failed', async () => {
    let fails = true;
    const { sampler } = setUp({
      after: () => (fails ? Promise.reject(new Error('no names')) : Promise.resolve()),
    });
    await expect(sampler.snapshot()).rejects.toThrow('no names');
    expect(sampler.takenNs).toBe(0);
    fails = false;
    await sampler.snapshot();
    expect(sampler.takenNs).toBe(nowNs);
  });
});

describe('a stop', () => {
  test('ends a walk after the step under way', async () => {
    const { monitor, sampler } = setUp();
    const under = sampler.snapshot();
    await sampler.stop();
    await under;
    expect(monitor.log).toEqual(['before', 'walk', 'step']);
    expect(sampler.takenNs).toBe(0);
  });

  test('waits for the last words of a snapshot', async () => {
    const { monitor, sampler } = setUp();
    monitor.steps = [[]];
    const under = sampler.snapshot();
    await sampler.stop();
    expect(monitor.log.at(-1)).toBe('after');
    await under;
  });

  test('succeeds when the snapshot under way does not: the monitor is closed next', async () => {
    const { monitor, sampler } = setUp();
    const under = sampler.snapshot().catch((error: unknown) => String(error));
    monitor.failure = new Error('EPERM');
    monitor.steps = [];
    await nextTurn();
    await expect(sampler.stop()).resolves.toBeUndefined();
    await under;
    const failing = setUp({ after: () => Promise.reject(new Error('no names')) });
    failing.monitor.steps = [[]];
    const failed = failing.sampler.snapshot().catch((error: unknown) => String(error));
    await expect(failing.sampler.stop()).resolves.toBeUndefined();
    expect(await failed).toContain('no names');
  });

  test('is for good: nothing touches the monitor after it', async () => {
    const { monitor, sampler } = setUp();
    await sampler.stop();
    await sampler.snapshot();
    expect(monitor.log).toEqual([]);
  });
});

describe('a flow that is idle', () => {
  const lines = (monitor: FakeMonitor): string[] =>
    monitor.log.splice(0).filter((line) => /forget|retiring|release/.test(line));

  test('loses its key first, and its book in a later snapshot, a second or more after', async () => {
    const { monitor, flows, sampler } = setUp();
    monitor.steps = [[]];
    monitor.memory.open(7, { port: 99 });
    const after = async (seconds: number): Promise<string[]> => {
      nowNs += seconds * S;
      await sampler.snapshot();
      return lines(monitor);
    };
    expect(await after(1)).toEqual([]);
    expect(await after(9)).toEqual([]);
    expect(await after(1)).toEqual(['forget 99']);
    monitor.memory.add(7, 'sentBytes', 5); // by a program that had looked it up before
    expect(await after(0.5)).toEqual([]);
    expect(await after(0.6)).toEqual([]);
    expect(await after(0.5)).toEqual(['retiring 7 5', 'release 7']);
    expect(sampler.statistics.retired).toBe(1);
    expect(flows.columns.sentBytes[7]).toBe(0);
    expect(await after(60)).toEqual([]);
  });

  test('is not forgotten while a socket of it lives', async () => {
    const { monitor, sampler } = setUp();
    monitor.steps = [[{ cookie: 1, book: 7 }]];
    monitor.memory.open(7, { port: 99 });
    for (let i = 0; i < 5; i++) {
      nowNs += 20 * S;
      await sampler.snapshot();
    }
    expect(lines(monitor)).toEqual([]);
  });

  test('has to wait when there are very many: each costs a syscall', async () => {
    const { monitor, sampler } = setUp();
    monitor.steps = [[]];
    for (let row = 1; row < 512; row++) monitor.memory.open(row);
    await sampler.snapshot();
    nowNs += 20 * S;
    await sampler.snapshot();
    expect(lines(monitor)).toHaveLength(256);
    nowNs += 2 * S;
    await sampler.snapshot();
    expect(lines(monitor).filter((line) => line.startsWith('forget'))).toHaveLength(255);
    expect(sampler.statistics.retired).toBe(256);
  });

  test('stays as it is when its key cannot be forgotten, until it can', async () => {
    const { monitor, flows, sampler } = setUp();
    monitor.steps = [[]];
    monitor.memory.open(7, { port: 99 });
    await sampler.snapshot();
    nowNs += 20 * S;
    const { forget } = monitor.books;
    monitor.books.forget = () => {
      throw new Error('EBUSY');
    };
    await expect(sampler.snapshot()).rejects.toThrow('EBUSY');
    monitor.books.forget = forget;
    lines(monitor);
    await sampler.snapshot();
    expect(lines(monitor)).toEqual(['forget 99']);
    expect(flows.rowCount).toBe(2);
  });

  test('gives its row to another flow, which begins at 0', async () => {
    const { monitor, flows, sampler } = setUp();
    monitor.steps = [[]];
    monitor.memory.open(7, { port: 99 });
    monitor.memory.add(7, 'sentBytes', 500);
    for (const seconds of [1, 20, 2]) {
      nowNs += seconds * S;
      await sampler.snapshot();
    }
    expect(new Uint32Array(monitor.memory.buffer).filter((word) => word !== 0)).toEqual(
      Uint32Array.of(BookState.BOOK_USED), // of `other`
    );
    monitor.memory.open(7, { port: 100 });
    monitor.memory.add(7, 'sentBytes', 30);
    nowNs += 10 * S;
    await sampler.snapshot();
    expect([flows.port(7), flows.columns.sentBytes[7], flows.sentRate[7]]).toEqual([100, 30, 3]);
  });
});
