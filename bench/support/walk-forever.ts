// Takes snapshots one after the other until SIGTERM: walks all live sockets and decodes them. More than any agent does.
// Says "walking" when it begins. node bench/support/walk-forever.ts [slots]
import { Features } from '../../src/libbpf/features.ts';
import { Monitor } from '../../src/libbpf/monitor.ts';
import { planMonitor } from '../../src/libbpf/monitor-plan.ts';
import { FlowTable } from '../../src/tracker/flow-table.ts';
import { LiveTable } from '../../src/tracker/live-table.ts';
import { monotonicNs } from '../../src/util/clock.ts';

const OBJECT = new URL('../../build/kube-netc.bpf.o', import.meta.url).pathname;
const slots = Number(process.argv[2] ?? 262_144);

using features = new Features();
const options = { object: OBJECT, slots, books: 16_384, trackProcess: true, cgroupRoot: null };
const monitor = Monitor.start(planMonitor(features, 'off'), options);
const flows = new FlowTable(monitor.books.memory);
const live = new LiveTable(slots);
monitor.findOlder();
console.log('walking');

function snapshot(): void {
  live.begin(flows);
  monitor.beginWalk();
  for (let done = false; !done;) {
    const step = monitor.step();
    live.add(monitor.records, step.records, step.nowNs, flows);
    ({ done } = step);
  }
  flows.update(monotonicNs());
  setImmediate(snapshot);
}
snapshot();
