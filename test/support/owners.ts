import { cgroup2Mount } from '../hosts/cgroup.ts';
import type { HostOptions } from '../hosts/host.ts';

/** For a host whose processes go by their own names, whatever systemd unit or container runs the tests. */
export function namedByProcess(): HostOptions {
  return cgroup2Mount() === null ? {} : { cgroup: 'processes' };
}
