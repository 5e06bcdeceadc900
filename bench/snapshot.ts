// What a snapshot of many live sockets costs: the walk in the kernel, its longest step, decoding, books, series.
// Prints JSON. As root: node bench/snapshot.ts [sockets] [rounds]
import { Monitor } from '../src/libbpf/monitor.ts';
import { planMonitor } from '../src/libbpf/monitor-plan.ts';
import { Features } from '../src/libbpf/features.ts';
import { ConnectionSeries } from '../src/collector/connection-series.ts';
import { Cgroups } from '../src/cluster/cgroups.ts';
import { HostIdentity } from '../src/cluster/host-identity.ts';
import { EdgeSeries } from '../src/collector/edge-series.ts';
import { FlowNames } from '../src/collector/flow-names.ts';
import { FlowDistributions } from '../src/tracker/flow-distributions.ts';
import { FlowTable } from '../src/tracker/flow-table.ts';
import { LiveTable } from '../src/tracker/live-table.ts';
import { monotonicNs, systemClock } from '../src/util/clock.ts';
import { HeldMany } from '../test/hosts/held-many.ts';
import { Lab } from '../test/hosts/lab.ts';
import { machine, quantile, rounded } from './machine.ts';

const sockets = Number(process.argv[2] ?? 100_000);
const rounds = Number(process.argv[3] ?? 9);
const OBJECT = new URL('../build/kube-netc.bpf.o', import.meta.url).pathname;

await using lab = await Lab.create();
const host = await lab.host('many');
using features = new Features();
const slots = 2 ** Math.ceil(Math.log2(sockets * 2));
const options = { object: OBJECT, slots, books: 16_384, trackProcess: true, cgroupRoot: null };
using monitor = Monitor.start(planMonitor(features, 'off'), options);
const held = await HeldMany.open(host, { connections: sockets / 2, reset: true });
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

const samples: Record<string, number[]> = {
  walkMs: [],
  longestStepMs: [],
  decodeMs: [],
  booksMs: [],
  namesMs: [],
  seriesMs: [],
  edgesMs: [],
};
for (let round = 0; round < rounds; round++) {
  await held.send(64);
  const times = { walk: 0, longest: 0, decode: 0 };
  live.begin(flows);
  monitor.beginWalk();
  for (let done = false; !done;) {
    const from = performance.now();
    const step = monitor.step();
    const walked = performance.now();
    live.add(monitor.records, step.records, step.nowNs, flows);
    times.walk += walked - from;
    times.longest = Math.max(times.longest, walked - from);
    times.decode += performance.now() - walked;
    done = step.done;
  }
  const marks = [performance.now()];
  flows.update(monotonicNs());
  marks.push(performance.now());
  [...names.update(monotonicNs())].forEach(() => {});
  marks.push(performance.now());
  [...series.update(monotonicNs())].forEach(() => {});
  series.publish();
  marks.push(performance.now());
  [...edges.update(monotonicNs())].forEach(() => {});
  marks.push(performance.now());
  const of = [
    times.walk,
    times.longest,
    times.decode,
    ...marks.slice(1).map((mark, i) => mark - (marks[i] ?? mark)),
  ];
  Object.values(samples).forEach((list, i) => list.push(of[i] ?? NaN));
}
const result = Object.fromEntries(
  Object.entries(samples).map(([name, values]) => [
    name,
    { median: rounded(quantile(values, 0.5)), max: rounded(quantile(values, 1)) },
  ]),
);
console.log(
  JSON.stringify(
    {
      bench: 'snapshot',
      sockets: live.count,
      slots,
      rounds,
      rssMiB: rounded(process.memoryUsage().rss / 2 ** 20, 0),
      ...result,
      machine: machine(),
    },
    null,
    2,
  ),
);
await held.close();
