import type { Features, Finding } from './features.ts';

/** How UDP is counted. 'auto': fentry where the kernel allows it, else tracepoint, else off. */
export type UdpChoice = 'auto' | 'fentry' | 'tracepoint' | 'off';
export type UdpMode = 'fentry' | 'tracepoint' | 'off';

/** The programs of a way to count UDP. Those of `peers` may be missing: then some peers stay unknown. */
export const UDP_PROGRAMS = {
  fentry: { needed: ['udp_send', 'udp6_send', 'udp_receive'], peers: [] },
  tracepoint: {
    needed: ['socket_send', 'socket_receive'],
    peers: ['udp4_to', 'udp6_to', 'udp4_from', 'udp6_from'],
  },
  off: { needed: [], peers: [] },
} as const satisfies Record<UdpMode, { needed: readonly string[]; peers: readonly string[] }>;

/** What is to be loaded on this kernel, and why not more. */
export interface MonitorPlan {
  readonly walk: 'walk_cast' | 'walk_probe';
  readonly udp: UdpMode;
  /** Whether the cgroup hooks that tell the peers of unconnected UDP sockets may be tried. */
  readonly udpPeers: boolean;
  /** One line each: what is left out, or costs more than it should. */
  readonly notes: readonly string[];
}

/** Decides by what the kernel has, never by its version. */
export function planMonitor(features: Features, choice: UdpChoice): MonitorPlan {
  const notes: string[] = [];
  const cast = features.kernelFunction('bpf_rdonly_cast').answer === 'yes';
  if (!cast)
    notes.push(
      'walk: the kernel has no bpf_rdonly_cast (Linux 6.2); live sockets are read three times slower',
    );
  const udp = planUdp(features, choice, notes);
  const peers = udp === 'tracepoint' ? features.hook('cgroup/sendmsg4') : null;
  if (peers && peers.answer !== 'yes') {
    notes.push(`udp: peers of unconnected sockets stay unknown: ${peers.reason}`);
  }
  return { walk: cast ? 'walk_cast' : 'walk_probe', udp, udpPeers: peers?.answer === 'yes', notes };
}

function planUdp(features: Features, choice: UdpChoice, notes: string[]): UdpMode {
  if (choice === 'off') return 'off';
  if (choice !== 'auto') return choice;
  const fentry = both(features.fentry('skb_consume_udp'), features.fexit('udp_sendmsg'));
  if (fentry.answer === 'yes') return 'fentry';
  const tracepoint = both(features.tracepoint('sock_send_length'), features.tracepoint('sock_recv_length'));
  if (tracepoint.answer === 'yes') {
    notes.push(
      `udp: fentry cannot be had (${fentry.reason}); the tracepoints that count instead also run, and leave at once, ` +
        'for each TCP send and receive: --udp=off takes them away',
    );
    return 'tracepoint';
  }
  notes.push(`udp: not counted: ${fentry.reason}; ${tracepoint.reason}`);
  return 'off';
}

function both(a: Finding, b: Finding): Finding {
  return a.answer === 'yes' ? b : a;
}
