// What a snapshot of many live sockets costs: the walk in the kernel, its longest step, decoding, books, series.
// The table has two places for each socket. As root: node bench/snapshot.ts [rounds]
import type { Monitor } from '../src/libbpf/monitor.ts';
import { ConnectionSeries } from '../src/collector/connection-series.ts';
import { Cgroups } from '../src/cluster/cgroups.ts';
import { HostIdentity } from '../src/cluster/host-identity.ts';
import { EdgeSeries } from '../src/collector/edge-series.ts';
import { FlowNames } from '../src/collector/flow-names.ts';
import { FlowDistributions } from '../src/tracker/flow-distributions.ts';
import { FlowTable } from '../src/tracker/flow-table.ts';
import { LiveTable } from '../src/tracker/live-table.ts';
import { monotonicNs, systemClock } from '../src/util/clock.ts';
import { atOnce } from '../src/util/slices.ts';
import { HeldMany } from '../test/hosts/held-many.ts';
import type { Host } from '../test/hosts/host.ts';
import { Lab } from '../test/hosts/lab.ts';
import { monitorAlone } from '../test/support/monitor-alone.ts';
import { bench, type Figures, progress } from './support/bench.ts';
import { waitedMs } from './support/run-queue.ts';

const rounds = Number(process.argv[2] ?? 21);
const SOCKETS = [1_000, 10_000, 100_000];
const SLOTS_MIN = 16_384; // the agent's own
const WARM = 2;

const LISTS = ['walk', 'longest step', 'decode', 'books', 'names', 'series', 'edges'] as const;

/** One snapshot, each of its stages timed in milliseconds, in the order of LISTS. */
function timedSnapshot(monitor: Monitor, tables: Tables): number[] {
  const { live, flows, names, series, edges } = tables;
  const times = { walk: 0, longest: 0, decode: 0 };
  live.begin(flows);
  monitor.beginWalk();
  for (let done = false; !done;) {
    const waitedBefore = waitedMs();
    const from = performance.now();
    const step = monitor.step();
    const tookMs = performance.now() - from;
    const waitedBetween = waitedMs();
    const stepMs = tookMs - (waitedBetween - waitedBefore);
    const walked = performance.now();
    live.add(monitor.records, step.records, step.nowNs, flows);
    times.decode += performance.now() - walked - (waitedMs() - waitedBetween);
    times.walk += stepMs;
    times.longest = Math.max(times.longest, stepMs);
    ({ done } = step);
  }
  const marks = [performance.now()];
  const stages = [
    () => flows.update(monotonicNs()),
    () => atOnce(names.update(monotonicNs())),
    () => {
      atOnce(series.update(monotonicNs()));
      series.publish();
    },
    () => atOnce(edges.update(monotonicNs())),
  ];
  for (const stage of stages) {
    stage();
    marks.push(performance.now());
  }
  return [
    times.walk,
    times.longest,
    times.decode,
    ...marks.slice(1).map((mark, i) => mark - (marks[i] ?? mark)),
  ];
}

type Tables = ReturnType<typeof makeTables>;

function makeTables(monitor: Monitor, slots: number) {
  const flows = new FlowTable(monitor.books.memory);
  const live = new LiveTable(slots);
  const names = new FlowNames(flows, new HostIdentity(new Cgroups(null, { clock: systemClock })));
  const series = new ConnectionSeries(flows, live, names, 2_000);
  const edges = new EdgeSeries({
    flows,
    live,
    names,
    distributions: new FlowDistributions(monitor.books.distributions, flows.capacity),
    budget: 2_000,
    ttlNs: 300e9,
    jiffiesPerSecond: () => 250, // what is written makes no difference here
  });
  return { flows, live, names, series, edges };
}

async function measure(figures: Figures, host: Host, sockets: number): Promise<void> {
  const slots = Math.max(SLOTS_MIN, 2 ** Math.ceil(Math.log2(sockets * 2)));
  using monitor = monitorAlone({ slots });
  const held = await HeldMany.open(host, { connections: sockets / 2, reset: true });
  const tables = makeTables(monitor, slots);
  const samples: number[][] = [];
  for (let round = -WARM; round < rounds; round++) {
    progress(`snapshot: ${sockets} sockets, round ${round + 1} of ${rounds}`);
    await held.send(64);
    const times = timedSnapshot(monitor, tables);
    if (round >= 0) samples.push(times);
  }
  if (tables.live.count < sockets) throw new Error(`${tables.live.count} of ${sockets} sockets are seen`);
  const of = { sockets, slots };
  LISTS.forEach((what, i) =>
    figures.add(
      what,
      of,
      'ms',
      samples.map((times) => times[i] ?? NaN),
      3,
    ),
  );
  const whole = samples.map(([walk = NaN, , decode = NaN]) => walk + decode);
  figures.add('walk and decode', of, 'ms', whole, 3);
  await held.close();
}

await bench(async (figures) => {
  await using lab = await Lab.create();
  const host = await lab.host('many');
  for (const sockets of SOCKETS) await measure(figures, host, sockets);
});
