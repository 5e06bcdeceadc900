import type { Host, SpawnOptions } from './host.ts';
import { TrafficProgram } from './traffic-program.ts';

export interface RoundTripsOptions {
  readonly address: string;
  /** Of a server of ours, see startTcpServer(). */
  readonly port: number;
  readonly seconds?: number;
  readonly request?: number;
  readonly response?: number;
  readonly cpu?: number;
}

/** How long rounds on one connection took, by the client's clock: half of them at most p50Us, and so on. */
export interface RoundTrips {
  readonly rounds: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly p999Us: number;
  readonly maxUs: number;
  readonly timedOut: boolean;
}

/** Does rounds of request and response, one after the other, for so many seconds. */
export async function runRoundTrips(
  host: Host,
  options: RoundTripsOptions,
  spawn?: SpawnOptions,
): Promise<RoundTrips> {
  return TrafficProgram.start<RoundTrips>(host, 'round-trips', options, spawn).end();
}
