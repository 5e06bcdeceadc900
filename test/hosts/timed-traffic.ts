import type { Host, SpawnOptions } from './host.ts';
import { startServer, TrafficProgram, type TrafficServer } from './traffic-program.ts';

export interface TimedClientOptions {
  readonly address: string;
  readonly port: number;
  /** One after the other. */
  readonly connections?: number;
  /** Sent on each; the client waits until all are acknowledged. */
  readonly bytes?: number;
  /** SO_SNDBUF; the kernel doubles it, and has a least one. */
  readonly sendBuffer?: number;
  /** Bytes a second at most, with pauses between packets (SO_MAX_PACING_RATE), as BBR and fq make them. */
  readonly pace?: number;
  readonly cpu?: number;
  readonly timeout?: number;
}

/** What a client has timed by its own clock, by connection, and what TCP_INFO said at the end of all together. */
export interface TimedTotals {
  readonly connectUs: readonly number[];
  /** From before connect() until after close(). */
  readonly lifeUs: readonly number[];
  readonly minRttUs: readonly number[];
  readonly busyUs: number;
  readonly receiverLimitedUs: number;
  readonly sndbufLimitedUs: number;
  /** Segments, SYNs among them. */
  readonly retransmitted: number;
  readonly timedOut: boolean;
}

export interface SlowServerOptions {
  readonly port?: number;
  readonly backlog?: number;
  /** SO_RCVBUF. */
  readonly receiveBuffer?: number;
  /** Milliseconds before each read. */
  readonly pause?: number;
  /** It listens, and never accepts. */
  readonly deaf?: boolean;
  readonly cpu?: number;
  readonly timeout?: number;
}

/** Makes connections that are timed, and ends each by RST. */
export async function runTimedClient(
  host: Host,
  options: TimedClientOptions,
  spawn?: SpawnOptions,
): Promise<TimedTotals> {
  return TrafficProgram.start<TimedTotals>(host, 'timed-client', options, spawn).end();
}

export async function startSlowServer(
  host: Host,
  options: SlowServerOptions = {},
  spawn?: SpawnOptions,
): Promise<TrafficServer<object>> {
  return startServer(host, 'slow-server', options, spawn);
}
