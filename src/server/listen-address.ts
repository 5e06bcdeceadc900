import { isIP } from 'node:net';
import { NetcError } from '../util/errors.ts';
import { formatEndpoint } from '../util/ip.ts';

/** Where the server listens. */
export interface ListenAddress {
  /** A name or an address without brackets; '' is every address of the machine, both families. */
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
}

/** Where the agent listens unless told otherwise. */
export const DEFAULT_LISTEN: ListenAddress = { host: '127.0.0.1', port: 9655 };

const NAME = /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i;

function usage(text: string, why: string): NetcError {
  const problem = `--listen cannot be "${text}": ${why}`;
  return new NetcError(
    'E_USAGE',
    { problem },
    { hint: 'Write it as 127.0.0.1:9655, [::1]:9655, :9655 or 9655.' },
  );
}

function parsePort(text: string, whole: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : NaN;
  if (!(port <= 65_535)) throw usage(whole, `"${text}" is not a port from 0 to 65535`);
  return port;
}

/**
 * Reads `--listen`: "host:port", "[v6]:port", ":port" (every address), "port" (127.0.0.1), and a host alone
 * with the usual port. Errors: E_USAGE with one line that says what is wrong with it.
 */
export function parseListen(text: string): ListenAddress {
  if (/^\d+$/.test(text)) return { host: DEFAULT_LISTEN.host, port: parsePort(text, text) };
  if (text.startsWith('[')) {
    const [, host = '', port] = /^\[([^\]]*)\](?::(.*))?$/.exec(text) ?? [];
    if (isIP(host) !== 6) throw usage(text, 'the brackets hold no IPv6 address');
    return { host, port: port === undefined ? DEFAULT_LISTEN.port : parsePort(port, text) };
  }
  if (isIP(text) === 6) throw usage(text, 'an IPv6 address stands in brackets');
  const [host = '', port, ...more] = text.split(':');
  if (text === '' || more.length > 0) throw usage(text, 'it is no address with a port');
  if (host !== '' && !NAME.test(host)) throw usage(text, `"${host}" is no host name and no address`);
  return { host, port: port === undefined ? DEFAULT_LISTEN.port : parsePort(port, text) };
}

/** The address as people write it: "127.0.0.1:9655", "[::1]:9655", "*:9655" for every address. */
export function formatListen({ host, port }: ListenAddress): string {
  return formatEndpoint(host === '' ? '*' : host, port);
}

/** Whether only programs of this machine can connect to it. */
export function isLoopback({ host }: ListenAddress): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

/**
 * Whether a Host header names this machine in a way that no foreign DNS name can: an address, or localhost.
 * A web page can make a browser resolve its own name to 127.0.0.1 (DNS rebinding) and would read from there whom
 * this machine talks to; its requests carry that name.
 */
export function isLocalHost(header: string): boolean {
  const host = header
    .replace(/:\d*$/, '')
    .replace(/^\[(.*)\]$/, '$1')
    .toLowerCase();
  return isIP(host) !== 0 || host === 'localhost' || host.endsWith('.localhost');
}
