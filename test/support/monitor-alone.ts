import { OBJECT_PATH } from '../../src/cli/start-monitor.ts';
import { Features } from '../../src/libbpf/features.ts';
import { Monitor, type MonitorOptions } from '../../src/libbpf/monitor.ts';
import { planMonitor, type UdpChoice } from '../../src/libbpf/monitor-plan.ts';

interface Options extends Partial<MonitorOptions> {
  readonly udp?: UdpChoice;
}

/** Our programs without an agent around them: of the build, with processes and without UDP, where it is not told otherwise. */
export function monitorAlone({ udp = 'off', ...options }: Options = {}): Monitor {
  using features = new Features();
  return Monitor.start(planMonitor(features, udp), {
    object: OBJECT_PATH,
    slots: 16_384,
    books: 16_384,
    trackProcess: true,
    cgroupRoot: null,
    ...options,
  });
}
