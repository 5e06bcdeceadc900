import type { Monitor } from '../libbpf/monitor.ts';

/** What could not be counted or not be attributed, by reason: the label of kube_netc_agent_lost_total. */
export function lostReadings(monitor: Monitor): Record<string, number> {
  const missed = monitor
    .probes()
    .filter((probe) => probe.attached && probe.name !== monitor.plan.walk && probe.name !== 'boot');
  return {
    // the tracepoint skips a program that an interrupt meets while it runs; what that was, the walk finds
    probe_skipped: missed.reduce((sum, probe) => sum + monitor.stats(probe.name).missed, 0),
    slots_full: monitor.counter('slotsFull'),
    books_full: monitor.counter('booksFull'),
    handoff_full: monitor.counter('handoffFull'),
    stale_slot: monitor.counter('staleSlots'),
    unseen_closed: monitor.counter('unseenClosed'),
    role_by_formula: monitor.counter('roleGuessed'),
    udp_unknown_peer: monitor.counter('udpUnknownPeer'),
    udp_peer_full: monitor.counter('udpPeerFull'),
  };
}
