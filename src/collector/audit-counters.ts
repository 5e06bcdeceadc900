/** What is compared, as the kernel names it. The UDP ones are the sum of both families. */
export const AUDITED = [
  'TcpInSegs',
  'TcpOutSegs',
  'TcpRetransSegs',
  'UdpInDatagrams',
  'UdpOutDatagrams',
] as const;
export type Audited = (typeof AUDITED)[number];

/** A counter of the kernel, or several: the same of both families, or those that always mean one thing. */
const SOURCES = {
  TcpInSegs: ['TcpInSegs'],
  TcpOutSegs: ['TcpOutSegs'],
  TcpRetransSegs: ['TcpRetransSegs'],
  UdpInDatagrams: ['UdpInDatagrams', 'Udp6InDatagrams'],
  UdpOutDatagrams: ['UdpOutDatagrams', 'Udp6OutDatagrams'],
  passiveOpens: ['TcpPassiveOpens'],
  activeOpens: ['TcpActiveOpens'],
  outResets: ['TcpOutRsts'],
  unreadResets: ['TcpExtTCPAbortOnClose'],
  bad: [
    'TcpInErrs', // bad checksums too
    'TcpExtTCPMinTTLDrop',
    'TcpExtTCPMD5NotFound',
    'TcpExtTCPMD5Unexpected',
    'TcpExtTCPMD5Failure',
    'TcpExtTCPAORequired',
    'TcpExtTCPAOBad',
    'TcpExtTCPAOKeyNotFound',
  ],
  timeWaitBegun: ['TcpExtTW', 'TcpExtTWKilled'],
  timeWaitMore: ['TcpExtPAWSTimewait', 'TcpExtTCPACKSkippedTimeWait', 'TcpExtTCPACKSkippedFinWait2'],
  synRetrans: ['TcpExtTCPSynRetrans'],
  embryonicResets: ['TcpExtEmbryonicRsts'],
  listenDrops: ['TcpExtListenDrops', 'TcpExtTCPDeferAcceptDrop', 'TcpExtTCPACKSkippedSynRecv'],
  cookiesSent: ['TcpExtSyncookiesSent'],
  cookiesReceived: ['TcpExtSyncookiesRecv'],
  cookiesFailed: ['TcpExtSyncookiesFailed'],
  packetsIn: ['IpInReceives', 'Ip6InReceives'],
  segmentsIn: [
    'IpExtInNoECTPkts',
    'IpExtInECT1Pkts',
    'IpExtInECT0Pkts',
    'IpExtInCEPkts',
    'Ip6InNoECTPkts',
    'Ip6InECT1Pkts',
    'Ip6InECT0Pkts',
    'Ip6InCEPkts',
  ],
  discardedIn: ['IpInDiscards', 'IpInHdrErrors', 'Ip6InDiscards', 'Ip6InHdrErrors'],
  icmpIn: ['IcmpInMsgs', 'Icmp6InMsgs'],
  udpSendErrors: ['UdpSndbufErrors', 'Udp6SndbufErrors'],
} as const satisfies Record<string, readonly string[]>;

export type Source = keyof typeof SOURCES;
/** What the audit needs of one reading of a namespace. A counter that this kernel lacks is 0. */
export type KernelReading = Readonly<Record<Source, number>>;

/** @param counters by name, see src/util/snmp.ts */
export function kernelReading(counters: ReadonlyMap<string, number>): KernelReading {
  const reading: Partial<Record<Source, number>> = {};
  for (const source of Object.keys(SOURCES) as Source[]) {
    let sum = 0;
    for (const name of SOURCES[source]) sum += counters.get(name) ?? 0;
    reading[source] = sum;
  }
  return reading as KernelReading;
}

/** Whether a counter has fallen, which none of them does: another namespace has got the inode. */
export function hasRestarted(before: KernelReading, after: KernelReading): boolean {
  return (Object.keys(SOURCES) as Source[]).some((source) => after[source] < before[source]);
}
