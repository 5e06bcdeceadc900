import type { Host, SpawnOptions } from './host.ts';
import { TrafficProgram } from './traffic-program.ts';

export interface HoldManyOptions {
  /** Each has both its ends in this host, so there are twice as many sockets. Up to 576,000. */
  readonly connections: number;
  /** Connections of one process; 9,000 by default. */
  readonly perProcess?: number;
  /** What each carries each way before it counts as open; 64 by default. */
  readonly bytes?: number;
  readonly port?: number;
  /** Ends all by RST, so that nothing stays in TIME_WAIT. */
  readonly reset?: boolean;
  readonly timeout?: number;
}

export interface HoldManyTotals {
  readonly connections: number;
  readonly sockets: number;
  readonly processes: number;
  /** Of both ends together. */
  readonly wroteBytes: number;
  readonly readBytes: number;
  readonly errors: number;
  readonly seconds: number;
  readonly timedOut: boolean;
}

/** Many live connections over the loopback of one host, spread over processes. */
export class HeldMany {
  readonly ready: HoldManyTotals;
  readonly program: TrafficProgram<HoldManyTotals>;

  private constructor(program: TrafficProgram<HoldManyTotals>, ready: HoldManyTotals) {
    this.program = program;
    this.ready = ready;
  }

  static async open(host: Host, options: HoldManyOptions, spawn?: SpawnOptions): Promise<HeldMany> {
    const program = TrafficProgram.start<HoldManyTotals>(host, 'hold-many', options, spawn);
    return new HeldMany(program, await program.ready());
  }

  /** So many bytes each way on every connection, `rounds` times. Returns the totals so far. */
  async send(bytes: number, rounds = 1): Promise<HoldManyTotals> {
    return this.program.command(`send ${bytes} ${rounds}`);
  }

  /** Closes all. */
  async close(): Promise<HoldManyTotals> {
    return this.program.finish();
  }
}
