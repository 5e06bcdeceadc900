import { isIP, SocketAddress } from 'node:net';
import { InvalidArgumentError, Option } from 'commander';
import { parseListen } from '../server/listen-address.ts';
import { NetcError } from '../util/errors.ts';
import { EDGE_LEVELS } from '../collector/edge-labels.ts';
import { DEFAULTS, powerOfTwo } from './agent-options.ts';
import { edgeLabels, networks } from './edge-flags.ts';

/** What `connections --sort` takes. */
export const SORT_NAMES = [
  'bytes',
  'sent',
  'received',
  'rtt',
  'retrans',
  'age',
  'idle',
  'local',
  'remote',
] as const;

/** A flag with its twin in the environment: --series-ttl is KUBE_NETC_SERIES_TTL. */
export function flag(flags: string, description: string): Option {
  const option = new Option(flags, description);
  const name = option.long?.slice(2).replaceAll('-', '_').toUpperCase() ?? '';
  return option.env(RENAMED[name] ?? `KUBE_NETC_${name}`);
}

/**
 * Kubernetes sets KUBE_NETC_PORT=tcp://... in every pod beside a Service named kube-netc. NODE_NAME is what agents on
 * Kubernetes are told by as a rule.
 */
const RENAMED: Readonly<Record<string, string>> = { PORT: 'KUBE_NETC_PORT_NUMBER', NODE_NAME: 'NODE_NAME' };

/** A whole number in a range. */
export function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : NaN;
    if (!(value >= least && value <= most)) {
      throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`);
    }
    return value;
  };
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** "500ms", "15s", "5m", "1h", or seconds alone; in milliseconds. */
export function duration(leastMs: number, mostMs: number): (text: string) => number {
  return (text) => {
    const [, number, unit = 's'] = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h)?$/.exec(text) ?? [];
    const ms = Number(number ?? NaN) * (UNITS[unit] ?? NaN);
    if (!(ms >= leastMs && ms <= mostMs)) {
      throw new InvalidArgumentError(
        `It must be a time from ${leastMs} ms to ${mostMs / 1000} s, such as 500ms, 15s, 5m.`,
      );
    }
    return ms;
  };
}

function listen(text: string): ReturnType<typeof parseListen> {
  try {
    return parseListen(text);
  } catch (error) {
    if (!(error instanceof NetcError)) throw error;
    const why = error.message.slice(`--listen cannot be "${text}": `.length); // the rest commander says
    throw new InvalidArgumentError(`${why.charAt(0).toUpperCase()}${why.slice(1)}. ${error.hint}`);
  }
}

/** An IP address, as connections are shown with it: RFC 5952, and IPv4 within IPv6 as IPv4. */
export function ipAddress(text: string): string {
  const family = isIP(text);
  if (family === 0 || text.includes('%')) throw new InvalidArgumentError('It must be an IP address.');
  const { address } = new SocketAddress({ address: text, family: family === 6 ? 'ipv6' : 'ipv4' });
  return address.replace(/^::ffff:(?=\d+\.)/, '');
}

export const FLAGS = {
  verbosity: () =>
    flag('-v, --verbosity <level>', 'how much is logged')
      .choices(['debug', 'info', 'warn', 'error'])
      .default('info'),
  listen: () =>
    flag('--listen <address>', 'where pages are served')
      .argParser(listen)
      .default(parseListen('127.0.0.1:9655'), '127.0.0.1:9655'),
  interval: () =>
    flag('--interval <time>', "how old a page's numbers may be; stretched when a snapshot is dear")
      .argParser(duration(100, 60_000))
      .default(DEFAULTS.intervalMs, '1s'),
  udp: () =>
    flag('--udp <how>', 'how UDP is counted')
      .choices(['auto', 'fentry', 'tracepoint', 'off'])
      .default('auto'),
  series: () =>
    flag(
      '--series <number>',
      'series of each connection metric; what is over it is folded, the sum stays exact',
    )
      .argParser(wholeNumber(1, 1_000_000))
      .default(DEFAULTS.seriesBudget),
  edges: () =>
    flag(
      '--edges <number>',
      'workload edges with series of their own, the largest and the failing first; the rest is folded, the sum stays exact',
    )
      .argParser(wholeNumber(1, 100_000))
      .default(DEFAULTS.edgesBudget),
  edgeLevel: () =>
    flag('--edge-level <level>', 'as what the ends of edges are told')
      .choices(EDGE_LEVELS)
      .default('workload'),
  edgeLabels: () =>
    flag(
      '--edge-labels <labels>',
      'labels of edges to keep (scope,protocol), or to drop (-source_kind,-destination_port); edges that differ in others alone are one (default: all are kept)',
    ).argParser(edgeLabels),
  network: () =>
    flag(
      '--network <name=cidr,...>',
      'what the label scope says of addresses beyond the cluster: an office, a VPC; the longest prefix counts; may be given more than once (in the environment: with spaces between)',
    ).argParser(networks),
  seriesTtl: () =>
    flag('--series-ttl <time>', 'a series ends so long after its last byte')
      .argParser(duration(10_000, 86_400_000))
      .default(DEFAULTS.seriesTtlMs, '5m'),
  maxSockets: () =>
    flag(
      '--max-sockets <number>',
      'room for open sockets, rounded up to a power of two (default: by memory)',
    ).argParser((text) => powerOfTwo(wholeNumber(64, 4_194_304)(text))),
  maxFlows: () =>
    flag('--max-flows <number>', 'room for flows, rounded up to a power of two')
      .argParser((text) => powerOfTwo(wholeNumber(64, 1_048_576)(text)))
      .default(DEFAULTS.books),
  processes: () =>
    flag('--processes <on|off>', 'keep the process of each socket').choices(['on', 'off']).default('on'),
  cgroupRoot: () =>
    flag(
      '--cgroup-root <directory>',
      'count the sockets below this cgroup v2 directory alone (default: all, or those of this node where it shares its kernel with others)',
    ),
  kubernetes: () =>
    flag('--kubernetes <auto|off>', 'whose names are told: auto, those of the cluster that this runs in')
      .choices(['auto', 'off'])
      .default('auto'),
  kubeconfig: () =>
    flag('--kubeconfig <file>', 'the cluster whose names are told, where this does not run in it'),
  nodeName: () => flag('--node-name <name>', 'the node of the cluster that this machine is'),
  programStats: () =>
    flag(
      '--program-stats [on|off]',
      'let the kernel time its BPF programs while the agent runs (needs CAP_SYS_ADMIN)',
    )
      .choices(['on', 'off'])
      .preset('on')
      .default('off'),
} as const;
