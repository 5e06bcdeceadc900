// Why the kernel's counters and the sums over sockets may differ, and by how much at most: each limit comes from a
// counter that the kernel keeps itself. Functions of the kernel are named as of Linux 6.18.
import type { Audited } from './audit-counters.ts';
import { type Growth, minus, type Range } from './audit-growth.ts';
import type { Accounted } from './audit-sums.ts';

/**
 * Counted one for one by the kernel, so they cannot hide anything:
 *  syn_ack           sent for a listener, by no socket: tcp_make_synack (tcp_output.c); once for each connection that
 *                    is accepted: tcp_create_openreq_child (tcp_minisocks.c)
 *  aggregated        segments that arrived in one buffer (GRO, or a local peer's TSO): tcp_v4_rcv (tcp_ipv4.c) counts
 *                    the buffer once, tcp_segs_in (tcp.h) its segments; ip_rcv_core (ip_input.c) counts both
 *  while_reading     passed between the two readings around the snapshot
 * Limits, from the outside in:
 *  reset         met no socket, or one that refused it, and were answered by a reset: tcp_v4_send_reset; also the
 *                    resets that a socket sends after it has closed: __tcp_close, tcp_disconnect (tcp.c)
 *  bad_segment       dropped before they reached a socket: tcp_v4_rcv, csum_error and bad_packet, tcp_inbound_hash
 *  time_wait         the peer's FIN and our ACK when the socket has made way for a small one: tcp_time_wait,
 *                    tcp_timewait_state_process (tcp_minisocks.c); one for each socket that closed before its peer's FIN
 *  handshake         requests that did not become connections, and what they repeat: tcp_check_req (tcp_minisocks.c),
 *                    tcp_rtx_synack, tcp_conn_request (tcp_input.c)
 *  connecting        a SYN whose connection is still under way, where the agent does not track processes
 *  time_wait_again   more than that: the peer repeats its FIN, or began to wait before the agent; one for each small
 *                    socket, which TW and TWKilled count when it begins: __inet_twsk_schedule (inet_timewait_sock.c)
 *  send_buffer       sends that returned their length although the device refused them: udp_send_skb (udp.c)
 *  older_than_agent  sockets from before the agent that nothing had found: added whole when they closed
 */
export const CAUSES = [
  'syn_ack',
  'aggregated',
  'while_reading',
  'reset',
  'bad_segment',
  'time_wait',
  'handshake',
  'connecting',
  'time_wait_again',
  'send_buffer',
  'older_than_agent',
] as const;
export type Cause = (typeof CAUSES)[number];

/** What a cause can explain at most. */
export type Limit = readonly [cause: Cause, most: number];

/** Segments of sockets that are older than the agent and were found by nothing until they closed, of all namespaces. */
export type Unseen = Readonly<Record<'receivedSegs' | 'sentSegs' | 'retransSegs', number>>;

/** What has happened between two snapshots of a namespace. */
export interface Interval {
  readonly kernel: Growth;
  readonly accounted: Accounted;
  readonly unseen: Unseen;
}

/**
 * The most segments that a buffer brings beyond the first: 64 KiB at an MSS of 536, or UDP_MAX_SEGMENTS. Larger buffers
 * (BIG TCP) that are passed on to other namespaces are beyond it.
 */
const EXTRA_SEGMENTS = 127;

/**
 * Segments of TCP that arrived together with another, which the kernel counts once: between `least` and `most`. These
 * are the same if every packet went to TCP or ICMP; packets that were passed on, dropped or UDP may have brought some.
 */
export function aggregated({ kernel }: Interval): Range & { least: number; most: number } {
  const extra = minus(kernel.of('segmentsIn'), kernel.of('packetsIn'));
  const others = minus(minus(kernel.of('packetsIn'), kernel.of('TcpInSegs')), kernel.of('icmpIn')).high;
  return {
    ...extra,
    least: Math.max(0, extra.point - Math.max(0, others) * EXTRA_SEGMENTS),
    most: Math.max(0, extra.point + kernel.most('discardedIn')), // some are dropped between the two counters
  };
}

type Limits = Readonly<Record<Audited, (interval: Interval) => Limit[]>>;

/** What the kernel counts and no socket does. */
export const MISSING: Limits = {
  TcpInSegs: ({ kernel, accounted }) => [
    ['reset', Math.max(0, kernel.most('outResets') - Math.max(0, kernel.of('unreadResets').low))],
    ['bad_segment', kernel.most('bad')],
    ['time_wait', accounted.finsDue],
    ['handshake', handshakes(kernel, 1, 2) + kernel.most('listenDrops') + kernel.most('cookiesFailed')],
    ['time_wait_again', kernel.most('timeWaitBegun') + kernel.most('timeWaitMore')],
  ],
  TcpOutSegs: (interval) => [
    ['reset', interval.kernel.most('outResets')],
    ['time_wait', interval.accounted.finsDue],
    // A connection has its repeated SYN-ACKs in total_retrans and not in segs_out, so each is missing twice.
    ['handshake', handshakes(interval.kernel, 2, 1)],
    ['connecting', Math.max(0, connectsUnderWay(interval))],
    ['time_wait_again', interval.kernel.most('timeWaitBegun')],
  ],
  TcpRetransSegs: ({ kernel }) => [['handshake', kernel.most('synRetrans')]],
  UdpInDatagrams: () => [],
  UdpOutDatagrams: () => [],
};

/** What sockets count and the kernel does not. */
export const EXCESS: Limits = {
  TcpInSegs: ({ kernel, unseen }) => [
    ['handshake', acceptedAtStart(kernel)],
    ['older_than_agent', unseen.receivedSegs],
  ],
  TcpOutSegs: (interval) => [
    ['connecting', Math.max(0, -connectsUnderWay(interval))],
    ['older_than_agent', interval.unseen.sentSegs],
  ],
  TcpRetransSegs: ({ unseen }) => [['older_than_agent', unseen.retransSegs]],
  UdpInDatagrams: () => [],
  UdpOutDatagrams: ({ kernel }) => [['send_buffer', kernel.most('udpSendErrors')]],
};

/** @param repeated segments for a repeated SYN or SYN-ACK @param refused segments of a request that a reset ended */
function handshakes(kernel: Growth, repeated: number, refused: number): number {
  const cookies = Math.max(0, minus(kernel.of('cookiesSent'), kernel.of('cookiesReceived')).high);
  return kernel.most('synRetrans') * repeated + kernel.most('embryonicResets') * refused + cookies;
}

/** Connections accepted within the first window: the SYN may have come before it, and is in the sum. */
function acceptedAtStart({ from }: Growth): number {
  return from.after.passiveOpens - from.before.passiveOpens;
}

function connectsUnderWay({ kernel, accounted }: Interval): number {
  return kernel.of('activeOpens').high - accounted.connects;
}
