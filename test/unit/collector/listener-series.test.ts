import { beforeEach, describe, expect, test } from 'vitest';
import { type Answer, type Identity, NO_CHANGES, party, UNKNOWN } from '../../../src/cluster/identity.ts';
import { ListenerSeries, MAX_LISTENERS } from '../../../src/collector/listener-series.ts';
import { METRICS } from '../../../src/expose/metrics.ts';
import { FlowTable } from '../../../src/tracker/flow-table.ts';
import { LiveTable, TcpState } from '../../../src/tracker/live-table.ts';
import { atOnce } from '../../../src/util/slices.ts';
import { BookMemory } from '../tracker/book-memory.ts';
import { type LiveFields, liveRecords } from '../tracker/live-records.ts';

const TTL_NS = 60e9;

/** Cgroups have names; without one a process goes by its own. */
class Names implements Identity {
  readonly of = new Map<number, string>();
  final = true;
  learnt = true;
  readonly asked: number[][] = [];

  local({ cgroupId, comm }: { cgroupId: number; comm: string }): Answer {
    const name = this.of.get(cgroupId);
    const unit = name === undefined ? party({ kind: 'process', name: comm }) : party({ kind: 'unit', name });
    return { party: unit, holder: '', final: this.final };
  }

  remote(): Answer {
    return { party: UNKNOWN, holder: '', final: true };
  }

  holder(): string {
    return '';
  }

  changes(): typeof NO_CHANGES {
    return NO_CHANGES;
  }

  learn(cgroupIds: Iterable<number>): Promise<boolean> {
    this.asked.push([...cgroupIds]);
    return Promise.resolve(this.learnt);
  }
}

describe('listeners', () => {
  let names: Names;
  let live: LiveTable;
  let flows: FlowTable;
  let series: ListenerSeries;
  let nowNs: number;

  beforeEach(() => {
    names = new Names();
    live = new LiveTable(2_048);
    flows = new FlowTable(new BookMemory(4).buffer);
    series = new ListenerSeries({ live, identity: names, level: 'workload', ttlNs: TTL_NS });
    nowNs = 1e12;
  });

  /** The series of a snapshot with these listening sockets: backlog, limit, drops by labels. */
  async function page(sockets: readonly LiveFields[], seconds = 1): Promise<Record<string, number[]>> {
    nowNs += seconds * 1e9;
    live.begin(flows);
    const listening = sockets.map((socket) => ({ state: TcpState.listen, cgroupId: 7, ...socket }));
    live.add(liveRecords(listening), listening.length, nowNs, flows);
    await series.learn();
    atOnce(series.update(nowNs));
    const shown: Record<string, number[]> = {};
    for (const { metric, labels, values, count } of series.blocks()) {
      const { labels: known = [] } = METRICS.find(({ name }) => name === metric) ?? {};
      for (let i = 0; i < count; i++) {
        expect(labels[i]?.values).toHaveLength(known.length);
        (shown[labels[i]?.values.join('|') ?? ''] ??= []).push(values[i] ?? NaN);
      }
    }
    return shown;
  }

  const one = { cookie: 1, localPort: 80, backlog: 3, backlogMax: 128, drops: 5 };

  test('are told with their queue, its limit, and all that was dropped since their birth', async () => {
    names.of.set(7, 'nginx.service');
    expect(await page([one])).toEqual({ 'nginx.service|unit||80': [3, 128, 5] });
    expect(await page([{ ...one, backlog: 0, drops: 9 }])).toEqual({ 'nginx.service|unit||80': [0, 128, 9] });
  });

  test('go by their process where their cgroup has no name', async () => {
    expect(await page([{ ...one, comm: 'nginx' }])).toEqual({ 'nginx|process||80': [3, 128, 5] });
  });

  test('of one workload and port are one, and of two ports two', async () => {
    names.of.set(7, 'a');
    const two = { ...one, cookie: 2, backlog: 4, drops: 1 };
    expect(await page([one, two, { ...one, cookie: 3, localPort: 81 }])).toEqual({
      'a|unit||80': [7, 256, 6],
      'a|unit||81': [3, 128, 5],
    });
  });

  test('keep what was dropped when a socket goes and another comes, in the same slot too', async () => {
    names.of.set(7, 'a');
    await page([one]);
    expect(await page([])).toEqual({ 'a|unit||80': [0, 0, 5] });
    expect(await page([{ ...one, cookie: 2, drops: 2 }])).toEqual({ 'a|unit||80': [3, 128, 7] });
  });

  test('count on when the kernel begins again at 0', async () => {
    names.of.set(7, 'a');
    await page([{ ...one, drops: 2 ** 32 - 1 }]);
    expect((await page([{ ...one, drops: 3 }]))['a|unit||80']).toEqual([3, 128, 2 ** 32 + 3]);
  });

  test('end after their time, and what they dropped is in `other`', async () => {
    names.of.set(7, 'a');
    await page([one]);
    expect(await page([], TTL_NS / 1e9 - 1)).toEqual({ 'a|unit||80': [0, 0, 5] });
    expect(await page([], 1)).toEqual({ 'other|other||': [0, 0, 5] });
    expect(await page([one], 1)).toEqual({ 'a|unit||80': [3, 128, 5], 'other|other||': [0, 0, 5] });
  });

  test('over the limit are in `other`', async () => {
    const many = Array.from({ length: MAX_LISTENERS + 2 }, (_, i) => ({
      ...one,
      cookie: i + 1,
      localPort: i + 1,
    }));
    const shown = await page(many);
    expect(Object.keys(shown)).toHaveLength(MAX_LISTENERS + 1);
    expect(shown['other|other||']).toEqual([6, 256, 10]);
  });

  test('wait for a name that may come in a moment', async () => {
    names.learnt = false;
    expect(await page([one])).toEqual({});
    names.of.set(7, 'a');
    names.learnt = true;
    expect(await page([one])).toEqual({ 'a|unit||80': [3, 128, 5] });
    expect(names.asked).toEqual([[7], [7]]);
    await page([one]);
    expect(names.asked).toEqual([[7], [7]]);
  });

  test('are shown with the name they have when it does not come', async () => {
    names.final = false;
    expect(await page([{ ...one, comm: 'x' }])).toEqual({});
    expect(await page([{ ...one, comm: 'x' }], 6)).toEqual({ 'x|process||80': [3, 128, 5] });
  });
});
