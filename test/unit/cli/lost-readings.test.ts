import { expect, test } from 'vitest';
import { lostReadings } from '../../../src/cli/lost-readings.ts';
import type { Monitor } from '../../../src/libbpf/monitor.ts';

test('each reason has its counter; what was skipped is summed over the probes that run by themselves', () => {
  const counters: Readonly<Record<string, number>> = {
    slotsFull: 1,
    booksFull: 2,
    handoffFull: 3,
    staleSlots: 4,
    unseenClosed: 5,
    roleGuessed: 6,
    udpUnknownPeer: 7,
    udpPeerFull: 8,
  };
  const missed: Readonly<Record<string, number>> = {
    tcp_state: 10,
    tcp_connect: 20,
    walk_cast: 400,
    boot: 800,
    udp_send: 1600,
  };
  const monitor = {
    plan: { walk: 'walk_cast' },
    probes: () => Object.keys(missed).map((name) => ({ name, attached: name !== 'udp_send', reason: '' })),
    stats: (name: string) => ({ runTimeNs: 0, runCount: 0, missed: missed[name] }),
    counter: (name: string) => counters[name] ?? NaN,
  };
  expect(lostReadings(monitor as unknown as Monitor)).toEqual({
    probe_skipped: 30,
    slots_full: 1,
    books_full: 2,
    handoff_full: 3,
    stale_slot: 4,
    unseen_closed: 5,
    role_by_formula: 6,
    udp_unknown_peer: 7,
    udp_peer_full: 8,
  });
});
