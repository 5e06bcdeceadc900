import { join } from 'node:path';
import { TREE } from './find-tool.ts';
import { flagsOf } from './flags.ts';
import type { HostProcess } from './host-process.ts';
import type { Host, SpawnOptions } from './host.ts';

/** Where tools/build-traffic.sh puts the programs of test/traffic. */
const PROGRAMS = join(TREE, 'build/traffic');

const READY = /^\{"event":"ready"/;
const DONE = /^\{"event":"done"/;
const END = /^\{"event":"end"/;

/** A run takes as long as its options say, and the program's own --timeout ends it: 300 s unless told otherwise. */
const RUN_LIMIT_MS = 600_000;

/** A traffic program under way. Totals are the JSON object that it prints, without its `event`. */
export class TrafficProgram<Totals> {
  readonly process: HostProcess;

  constructor(process: HostProcess) {
    this.process = process;
  }

  /** Starts build/traffic/NAME in a host. The options become flags. */
  static start<Totals>(
    host: Host,
    name: string,
    options: object,
    spawn?: SpawnOptions,
  ): TrafficProgram<Totals> {
    return new TrafficProgram(host.spawn([join(PROGRAMS, name), ...flagsOf(options)], spawn));
  }

  /** Waits until it listens, or holds what it is to hold. */
  async ready(): Promise<Totals> {
    return this.#totals(READY, RUN_LIMIT_MS);
  }

  /** Sends a command and waits for its answer: the totals so far. */
  async command(line: string): Promise<Totals> {
    this.process.write(`${line}\n`);
    return this.#totals(DONE, RUN_LIMIT_MS);
  }

  /** Waits for its end by itself. */
  async end(): Promise<Totals> {
    const totals = await this.#totals(END, RUN_LIMIT_MS);
    await this.process.ended;
    return totals;
  }

  /** Ends its input, which makes a program that holds connections close them, and waits for its end. */
  async finish(): Promise<Totals> {
    this.process.closeInput();
    return this.end();
  }

  /** Ends it by SIGTERM: a server first serves what is under way. */
  async stop(): Promise<Totals> {
    const [totals] = await Promise.all([this.end(), this.process.stop({ graceMs: 15_000 })]);
    return totals;
  }

  async #totals(match: RegExp, limitMs: number): Promise<Totals> {
    const { event: _, ...totals } = JSON.parse(await this.process.line(match, limitMs)) as { event: string };
    return totals as Totals;
  }
}

/** A server of ours that listens on `port`. */
export interface TrafficServer<Totals> {
  readonly port: number;
  readonly process: HostProcess;
  /** Ends it, after what is under way, and returns what it has counted. */
  stop(): Promise<Totals>;
}

export async function startServer<Totals>(
  host: Host,
  name: string,
  options: object,
  spawn?: SpawnOptions,
): Promise<TrafficServer<Totals>> {
  const program = TrafficProgram.start<Totals>(host, name, options, spawn);
  const { port } = (await program.ready()) as { port: number };
  return { port, process: program.process, stop: async () => program.stop() };
}
