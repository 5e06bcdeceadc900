import type { Host, SpawnOptions } from './host.ts';
import { startServer, TrafficProgram, type TrafficServer } from './traffic-program.ts';

/** How a connection ends; test/traffic/tcp.h says what each means. `mixed` draws one of the first five each time. */
export type Closing =
  'client' | 'server' | 'both' | 'client-half' | 'server-half' | 'keep' | 'reset' | 'unread' | 'mixed';

export interface TcpServerOptions {
  /** `::` by default, which takes IPv4 clients too. */
  readonly address?: string;
  /** 0, the default, is any free one. */
  readonly port?: number;
  readonly v6only?: boolean;
  readonly backlog?: number;
  readonly mptcp?: boolean;
  readonly fastOpen?: boolean;
  readonly perConnection?: boolean;
  readonly cpu?: number;
  /** Seconds after which it ends by itself. */
  readonly timeout?: number;
}

export interface TcpClientOptions {
  readonly address: string;
  readonly port: number;
  /** Local addresses, used in turn. */
  readonly bind?: readonly string[];
  /** Of each process, one after the other; 0 with `seconds`: as many as fit. */
  readonly connections?: number;
  /** Requests on each connection; 0 with `seconds`: as many as fit. */
  readonly rounds?: number;
  readonly seconds?: number;
  /** Processes that do all this at once. */
  readonly parallel?: number;
  /** Bytes with the header of 16, or a range to draw from. */
  readonly request?: number | readonly [min: number, max: number];
  readonly response?: number | readonly [min: number, max: number];
  /** With `server-half`: what the client sends after the server's FIN. */
  readonly trailer?: number;
  readonly close?: Closing;
  readonly send?: 'write' | 'sendfile' | 'splice' | 'partial' | 'zerocopy' | 'io_uring';
  readonly receive?: 'read' | 'peek' | 'trunc' | 'splice' | 'io_uring';
  /** How often each socket is connected, with connect(AF_UNSPEC) in between: its close is then `reset`. */
  readonly reuse?: number;
  readonly mptcp?: boolean;
  readonly fastOpen?: boolean;
  /** An IPv4 address by an IPv6 socket. */
  readonly mapped?: boolean;
  readonly perConnection?: boolean;
  readonly seed?: number;
  readonly cpu?: number;
  readonly timeout?: number;
}

export type TcpHoldOptions = Omit<TcpClientOptions, 'rounds' | 'seconds' | 'parallel' | 'reuse'>;

/** What one connection carried, as the calls of its program returned it. */
export interface ConnectionTotals {
  readonly clientPort: number;
  readonly wroteBytes: number;
  readonly readBytes: number;
}

export interface TcpTotals {
  readonly connections: number;
  readonly rounds: number;
  readonly wroteBytes: number;
  readonly readBytes: number;
  /** What had arrived but was never read: `unread` alone. */
  readonly unreadBytes: number;
  /** Connections that ended by the client's RST, as it had announced. A server's number. */
  readonly resets: number;
  /** Connections whose SYN carried data that the server took. A client's number. */
  readonly fastOpens: number;
  readonly errors: number;
  readonly seconds: number;
  readonly connectionsPerSecond: number;
  readonly roundsPerSecond: number;
  readonly timedOut: boolean;
  /** With `perConnection`. */
  readonly perConnection?: readonly ConnectionTotals[];
}

export async function startTcpServer(
  host: Host,
  options: TcpServerOptions = {},
  spawn?: SpawnOptions,
): Promise<TrafficServer<TcpTotals>> {
  return startServer(host, 'exact-tcp-server', options, spawn);
}

/** Starts a client: end() waits for it, stop() ends it early. */
export function startTcpClient(
  host: Host,
  options: TcpClientOptions,
  spawn?: SpawnOptions,
): TrafficProgram<TcpTotals> {
  return TrafficProgram.start(host, 'exact-tcp-client', options, spawn);
}

/** Runs a client to its end. */
export async function runTcpClient(
  host: Host,
  options: TcpClientOptions,
  spawn?: SpawnOptions,
): Promise<TcpTotals> {
  return startTcpClient(host, options, spawn).end();
}

/** Connections that stay open until told otherwise. */
export class HeldTcp {
  /** The totals when all were open, each after one round. */
  readonly ready: TcpTotals;
  readonly program: TrafficProgram<TcpTotals>;

  private constructor(program: TrafficProgram<TcpTotals>, ready: TcpTotals) {
    this.program = program;
    this.ready = ready;
  }

  static async open(host: Host, options: TcpHoldOptions, spawn?: SpawnOptions): Promise<HeldTcp> {
    const program = TrafficProgram.start<TcpTotals>(host, 'exact-tcp-hold', options, spawn);
    return new HeldTcp(program, await program.ready());
  }

  /** Rounds with requests of so many bytes (16 at least) on every connection. Returns the totals so far, as all do. */
  async send(bytes: number, rounds = 1): Promise<TcpTotals> {
    return this.program.command(`send ${bytes} ${rounds}`);
  }

  /** Rounds on every connection for so many seconds. */
  async run(seconds: number): Promise<TcpTotals> {
    return this.program.command(`run ${seconds}`);
  }

  /** Opens more. */
  async more(connections: number): Promise<TcpTotals> {
    return this.program.command(`open ${connections}`);
  }

  /** Ends the oldest in the way asked for. */
  async drop(connections: number): Promise<TcpTotals> {
    return this.program.command(`drop ${connections}`);
  }

  /** Ends all in the way asked for. */
  async close(): Promise<TcpTotals> {
    return this.program.finish();
  }
}

export interface ConnectFailOptions {
  readonly address: string;
  readonly port: number;
  /** All at once. */
  readonly connections?: number;
  /** How often an unanswered SYN is repeated: 1 is about 3 s. */
  readonly synCount?: number;
  /** Milliseconds after which those still under way are closed. */
  readonly abortAfter?: number;
  readonly timeout?: number;
}

/** How many attempts ended how, by the error of connect(). */
export interface ConnectFailTotals {
  readonly attempts: number;
  readonly connected: number;
  readonly refused: number;
  readonly timedOutConnects: number;
  readonly hostUnreachable: number;
  readonly netUnreachable: number;
  readonly reset: number;
  readonly aborted: number;
  readonly other: number;
  readonly seconds: number;
  readonly timedOut: boolean;
}

/** Tries connections that fail. */
export async function runConnectFail(
  host: Host,
  options: ConnectFailOptions,
  spawn?: SpawnOptions,
): Promise<ConnectFailTotals> {
  return TrafficProgram.start<ConnectFailTotals>(host, 'connect-fail', options, spawn).end();
}
