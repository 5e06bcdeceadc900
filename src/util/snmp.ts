/**
 * The kernel's own counters of a network namespace, by name: `TcpInSegs`, `TcpExtTW`, `Udp6InDatagrams`.
 * Doubles: exact up to 2^53.
 */
export type SnmpCounters = Map<string, number>;

/**
 * Adds what /proc/net/snmp or /proc/net/netstat says: pairs of lines, names above values, each begun by the name of
 * their group, which becomes the beginning of the counter's name. A line without its pair, and what is no number, is
 * left out. Source: net/ipv4/proc.c, snmp_seq_show and netstat_seq_show.
 */
export function parseSnmp(text: string, into: SnmpCounters): void {
  const lines = text.split('\n');
  for (let i = 0; i + 1 < lines.length; i++) {
    const names = lines[i] ?? '';
    const values = lines[i + 1] ?? '';
    const colon = names.indexOf(':');
    if (colon < 0 || !values.startsWith(names.slice(0, colon + 1))) continue;
    addPair(names.slice(0, colon), names.slice(colon + 2), values.slice(colon + 2), into);
    i++;
  }
}

function addPair(group: string, names: string, values: string, into: SnmpCounters): void {
  const value = values.split(' ');
  names.split(' ').forEach((name, at) => addNumber(group + name, value[at] ?? '', into));
}

/** Adds what /proc/net/snmp6 says: a name and a value a line. Source: net/ipv6/proc.c, snmp6_seq_show. */
export function parseSnmp6(text: string, into: SnmpCounters): void {
  for (const line of text.split('\n')) {
    const end = line.search(/\s/);
    if (end > 0) addNumber(line.slice(0, end), line.slice(end).trim(), into);
  }
}

/**
 * Adds what /proc/net/sockstat says: a group, then names each followed by its value. The name is the group, a dot and
 * the name: `TCP.tw`. Source: net/ipv4/proc.c, sockstat_seq_show. `tw` and `inuse` are the namespace's, the rest is
 * the machine's.
 */
export function parseSockstat(text: string, into: SnmpCounters): void {
  for (const line of text.split('\n')) {
    const [group = '', ...words] = line.split(' ');
    if (!group.endsWith(':')) continue;
    for (let i = 0; i + 1 < words.length; i += 2) {
      addNumber(`${group.slice(0, -1)}.${words[i]}`, words[i + 1] ?? '', into);
    }
  }
}

function addNumber(name: string, text: string, into: SnmpCounters): void {
  const value = Number(text);
  if (text !== '' && Number.isFinite(value)) into.set(name, value);
}
