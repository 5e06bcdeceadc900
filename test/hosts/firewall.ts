import type { Host } from './host.ts';
import type { Segment } from './segment.ts';

/** Loads rules of nft(8) into a host, in addition to what it has. */
export async function addRules(host: Host, rules: string): Promise<void> {
  await host.exec(['nft', '-f', '-'], `${rules}\n`);
}

export interface Translation {
  readonly protocol: 'tcp' | 'udp';
  /** What clients send to: an address that no host needs to have, such as a Service's. */
  readonly address: string;
  readonly port: number;
  readonly toAddress: string;
  readonly toPort: number;
}

/** Makes a router send what comes for one address and port to another host, as kube-proxy does for a Service. */
export async function translateDestination(router: Host, to: Translation): Promise<void> {
  const family = to.address.includes(':') ? 'ip6' : 'ip';
  const target = family === 'ip6' ? `[${to.toAddress}]:${to.toPort}` : `${to.toAddress}:${to.toPort}`;
  const rule = `${family} daddr ${to.address} ${to.protocol} dport ${to.port} dnat to ${target}`;
  await addRules(
    router,
    [
      'table inet destination {',
      'chain prerouting { type nat hook prerouting priority dstnat; }',
      'chain output { type nat hook output priority -100; }',
      '}',
      ...['prerouting', 'output'].map(
        (chain) =>
          // A table of both families wants to be told which one it translates.
          `add rule inet destination ${chain} ${rule.replace('dnat to', `dnat ${family} to`)}`,
      ),
    ].join('\n'),
  );
}

/** Makes a router put its own address in the place of the sender's in what it sends into a segment. */
export async function translateSource(router: Host, into: Segment): Promise<void> {
  await addRules(
    router,
    [
      'table inet source {',
      'chain postrouting { type nat hook postrouting priority srcnat; }',
      '}',
      `add rule inet source postrouting oifname "${into.device(router)}" masquerade`,
    ].join('\n'),
  );
}

type Place = 'prerouting' | 'input' | 'forward' | 'output';

/** Drops what matches, without a word to the sender: `drop(host, 'input', 'tcp dport 81')`. */
export async function drop(host: Host, place: Place, match: string): Promise<void> {
  await addRules(host, filterRule(place, `${match} drop`));
}

/** Refuses what matches with an ICMP error of nft's icmpx: port-unreachable, no-route, host-unreachable. */
export async function reject(host: Host, place: Place, match: string, error: string): Promise<void> {
  await addRules(host, filterRule(place, `${match} reject with icmpx type ${error}`));
}

/**
 * Loses a share of the packets that come into a host from a segment, at random. By netem on the other ends where the
 * kernel has it, else by nftables before the host's own stack; says which. Both happen on the way, unseen by sockets.
 */
export async function lose(host: Host, from: Segment, percent: number): Promise<'netem' | 'nftables'> {
  const others = from.hosts.filter((other) => other !== host);
  try {
    for (const other of others) {
      const device = from.device(other);
      await other.exec(['tc', 'qdisc', 'replace', 'dev', device, 'root', 'netem', 'loss', `${percent}%`]);
    }
    return 'netem';
  } catch {
    const share = Math.round(percent * 1000);
    const match = `iifname "${from.device(host)}" numgen random mod 100000 < ${share}`;
    await addRules(host, filterRule('prerouting', `${match} drop`));
    return 'nftables';
  }
}

/**
 * Slows what a host sends into a segment, by a short queue that drops the rest: the host's own TCP is told of each
 * drop, unlike of a loss on the way.
 */
export async function shape(host: Host, into: Segment, bitsPerSecond: number): Promise<void> {
  const rate = ['rate', `${bitsPerSecond}bit`, 'burst', '20000', 'limit', '30000'];
  await host.exec(['tc', 'qdisc', 'replace', 'dev', into.device(host), 'root', 'tbf', ...rate]);
}

function filterRule(place: Place, rule: string): string {
  return [
    'table inet filter {',
    `chain ${place} { type filter hook ${place} priority filter; }`,
    '}',
    `add rule inet filter ${place} ${rule}`,
  ].join('\n');
}
