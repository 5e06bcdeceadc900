import type { Host, SpawnOptions } from './host.ts';
import { startServer, TrafficProgram, type TrafficServer } from './traffic-program.ts';

interface UdpOptions {
  /** `more` sends each datagram by two calls, the first with MSG_MORE; `gso` several by one, with UDP_SEGMENT. */
  readonly send?: 'send' | 'sendmsg' | 'sendmmsg' | 'gso' | 'more' | 'write';
  readonly receive?: 'recvfrom' | 'recv' | 'recvmsg' | 'recvmmsg' | 'read';
  /** Room for one datagram; a smaller one than the datagram truncates it. */
  readonly buffer?: number;
  /** MSG_PEEK before each receive. */
  readonly peek?: boolean;
  /** MSG_TRUNC with each receive: it returns the full length. */
  readonly trunc?: boolean;
  readonly gro?: boolean;
  readonly cpu?: number;
  readonly timeout?: number;
}

export interface UdpServerOptions extends UdpOptions {
  /** `::` by default, which takes IPv4 clients too. */
  readonly address?: string;
  readonly port?: number;
  /** Replies with as many bytes as came. */
  readonly echo?: boolean;
  /** Replies with so many bytes. */
  readonly reply?: number;
  /** Connects to the first who sends. */
  readonly connectBack?: boolean;
}

export interface UdpClientOptions extends UdpOptions {
  /** Several are used in turn. */
  readonly address: string | readonly string[];
  readonly port: number;
  /** So many ports from `port` on, each a destination. */
  readonly ports?: number;
  readonly connected?: boolean;
  readonly localAddress?: string;
  readonly localPort?: number;
  readonly count?: number;
  readonly seconds?: number;
  readonly size?: number | readonly [min: number, max: number];
  /** Datagrams in one turn; 16 by default with sendmmsg and gso, else 1. */
  readonly batch?: number;
  /** Waits for a reply to each datagram. */
  readonly reply?: boolean;
  /** Milliseconds to wait for it; 10 s by default: it comes, unless it is lost. */
  readonly wait?: number;
  /** Microseconds between turns. */
  readonly gap?: number;
  /** An IPv4 address by an IPv6 socket. */
  readonly mapped?: boolean;
  readonly seed?: number;
}

export interface UdpTotals {
  readonly sentDatagrams: number;
  readonly sentBytes: number;
  readonly sendCalls: number;
  readonly sendErrors: number;
  readonly receivedDatagrams: number;
  /** What the receiving calls returned, those with MSG_PEEK apart. */
  readonly receivedBytes: number;
  readonly receiveCalls: number;
  readonly receiveErrors: number;
  readonly peeks: number;
  /** Errors of both kinds that were ECONNREFUSED. */
  readonly refused: number;
  /** Replies that did not come in time. */
  readonly missing: number;
  readonly errors: number;
  readonly seconds: number;
  readonly timedOut: boolean;
}

export async function startUdpServer(
  host: Host,
  options: UdpServerOptions = {},
  spawn?: SpawnOptions,
): Promise<TrafficServer<UdpTotals>> {
  return startServer(host, 'exact-udp-server', options, spawn);
}

/** Runs a client to its end. */
export async function runUdpClient(
  host: Host,
  options: UdpClientOptions,
  spawn?: SpawnOptions,
): Promise<UdpTotals> {
  return TrafficProgram.start<UdpTotals>(host, 'exact-udp-client', options, spawn).end();
}

/** A socket that stays open after it has sent. */
export class HeldUdp {
  readonly ready: UdpTotals;
  readonly program: TrafficProgram<UdpTotals>;

  private constructor(program: TrafficProgram<UdpTotals>, ready: UdpTotals) {
    this.program = program;
    this.ready = ready;
  }

  static async open(host: Host, options: UdpClientOptions, spawn?: SpawnOptions): Promise<HeldUdp> {
    const program = TrafficProgram.start<UdpTotals>(
      host,
      'exact-udp-client',
      { ...options, hold: true },
      spawn,
    );
    return new HeldUdp(program, await program.ready());
  }

  /** Sends the same again. Returns the totals so far. */
  async again(): Promise<UdpTotals> {
    return this.program.command('again');
  }

  async close(): Promise<UdpTotals> {
    return this.program.finish();
  }
}
