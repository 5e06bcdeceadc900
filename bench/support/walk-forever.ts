// Takes snapshots one after the other until SIGTERM: walks all live sockets and decodes them. More than any agent does.
// Says "walking" when it begins. node bench/support/walk-forever.ts [slots]
import { FlowTable } from '../../src/tracker/flow-table.ts';
import { LiveTable } from '../../src/tracker/live-table.ts';
import { monotonicNs } from '../../src/util/clock.ts';
import { monitorAlone } from '../../test/support/monitor-alone.ts';

const slots = Number(process.argv[2] ?? 262_144);

const monitor = monitorAlone({ slots });
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
