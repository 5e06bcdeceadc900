import { deepEqual } from 'node:assert/strict';
import { listLinks, listPrograms } from '../../../src/libbpf/program-list.ts';

/** Programs that may be in the kernel while the agent counts UDP by fentry, and where each may be attached. */
const ALLOWED: Readonly<Record<string, string>> = {
  tcp_state: 'btf_trace_inet_sock_set_state',
  tcp_connect: 'btf_trace_inet_sock_set_state',
  walk_cast: 'bpf_iter_bpf_map_elem',
  walk_probe: 'bpf_iter_bpf_map_elem',
  boot: 'bpf_iter_task_file',
  udp_send: 'udp_sendmsg',
  udp6_send: 'udpv6_sendmsg',
  udp_receive: 'skb_consume_udp',
};

/** All programs of this machine are ours, and none hangs on a send, a receive or a packet of TCP. */
export function checkPrograms(walk: string): string {
  const programs = listPrograms();
  const expected = Object.keys(ALLOWED).filter((name) => !name.startsWith('walk_') || name === walk);
  deepEqual(programs.map(({ name }) => name).sort(), expected.sort());
  for (const { name, type, target } of programs) {
    // Before 5.18 the kernel does not tell the target.
    deepEqual([type, target ?? ALLOWED[name]], ['tracing', ALLOWED[name]], name);
  }
  const attached = listLinks().map(
    ({ programId }) => programs.find(({ id }) => id === programId)?.name ?? 'unknown',
  );
  deepEqual(
    attached.sort(),
    expected.filter((name) => name !== 'boot'),
  );
  return attached.join(', ');
}

/** Nothing of us is left. */
export function checkNothingLeft(): void {
  deepEqual(listPrograms(), []);
  deepEqual(listLinks(), []);
}
