import { describe, expect, it } from 'vitest';
import { parseSnmp, parseSnmp6, parseSockstat, type SnmpCounters } from '../../../src/util/snmp.ts';

function parsed(parse: (text: string, into: SnmpCounters) => void, text: string): Record<string, number> {
  const into: SnmpCounters = new Map();
  parse(text, into);
  return Object.fromEntries(into);
}

describe('parseSnmp', () => {
  it('reads pairs of lines: names, then values', () => {
    const text = [
      'Ip: Forwarding DefaultTTL InReceives',
      'Ip: 1 64 398202',
      'IcmpMsg: InType3 OutType3',
      'IcmpMsg: 4 5',
      'Tcp: RtoAlgorithm MaxConn InSegs',
      'Tcp: 1 -1 18446744073709551615',
      '',
    ].join('\n');
    expect(parsed(parseSnmp, text)).toEqual({
      IpForwarding: 1,
      IpDefaultTTL: 64,
      IpInReceives: 398202,
      IcmpMsgInType3: 4,
      IcmpMsgOutType3: 5,
      TcpRtoAlgorithm: 1,
      TcpMaxConn: -1,
      TcpInSegs: 2 ** 64, // doubles: beyond 2^53 the nearest
    });
  });

  it('tells Tcp from TcpExt, and Udp from UdpLite', () => {
    const text =
      'TcpExt: TW TWKilled\nTcpExt: 7 1\nUdp: InDatagrams\nUdp: 3\nUdpLite: InDatagrams\nUdpLite: 9\n';
    expect(parsed(parseSnmp, text)).toEqual({
      TcpExtTW: 7,
      TcpExtTWKilled: 1,
      UdpInDatagrams: 3,
      UdpLiteInDatagrams: 9,
    });
  });

  it.each(['', '\n\n', 'Tcp: InSegs', 'Tcp: InSegs\n', 'Tcp: InSegs\nUdp: 5\n', 'no colon\nno colon\n'])(
    'leaves out what is no pair: %j',
    (text) => {
      expect(parsed(parseSnmp, text)).toEqual({});
    },
  );

  it('goes on after a line without its pair, and after a value that is none', () => {
    expect(parsed(parseSnmp, 'Ip: A\nTcp: B C\nTcp: 2 x\n')).toEqual({ TcpB: 2 });
    expect(parsed(parseSnmp, 'Tcp: B C\nTcp: 2\n')).toEqual({ TcpB: 2 });
  });
});

describe('parseSnmp6', () => {
  it('reads a name and a value a line, padded as the kernel pads them', () => {
    const text = 'Ip6InReceives                   \t398202\nUdp6InDatagrams                 \t7\n\nbroken\n';
    expect(parsed(parseSnmp6, text)).toEqual({ Ip6InReceives: 398202, Udp6InDatagrams: 7 });
  });
});

describe('parseSockstat', () => {
  it('reads names and values in turn, below their group', () => {
    const text = 'sockets: used 264\nTCP: inuse 5 orphan 0 tw 12 alloc 9 mem 3\nFRAG: inuse 0 memory 0\nx\n';
    expect(parsed(parseSockstat, text)).toMatchObject({ 'sockets.used': 264, 'TCP.tw': 12, 'TCP.inuse': 5 });
  });
});
