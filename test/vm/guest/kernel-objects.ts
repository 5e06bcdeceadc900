import { deepEqual } from 'node:assert/strict';
import { listLinks, listPrograms } from '../../../src/libbpf/program-list.ts';
import { settled } from '../../support/bpf-objects.ts';

/** What the agent may hang on while it counts UDP by fentry: once a connection, a snapshot, or a datagram of UDP. */
const ALLOWED: ReadonlySet<string> = new Set([
  'btf_trace_inet_sock_set_state',
  'btf_trace_tcp_destroy_sock',
  'bpf_iter_bpf_map_elem',
  'bpf_iter_task_file',
  'udp_sendmsg',
  'udpv6_sendmsg',
  'skb_consume_udp',
]);

/** All programs of this machine are ours, and none hangs on a send, a receive or a packet of TCP. @returns their hooks */
export function checkPrograms(probes: readonly string[]): string {
  const programs = listPrograms();
  const names = programs.map(({ name }) => name);
  deepEqual(
    probes.filter((probe) => !names.includes(probe.slice(0, 15))),
    [],
    'probes of the page that the kernel does not list',
  );
  deepEqual(
    programs.filter(({ type, target }) => type !== 'tracing' || target === null || !ALLOWED.has(target)),
    [],
    'programs on hooks that are not allowed',
  );
  const attached = listLinks().map(({ programId }) => programs.find(({ id }) => id === programId)?.target);
  return [...new Set(attached)].join(', ');
}

/** Nothing of us is left, when the kernel has had time to let go of it. */
export async function checkNothingLeft(): Promise<void> {
  deepEqual(await settled(listPrograms), []);
  deepEqual(await settled(listLinks), []);
}
