import { spawn, type ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';

const LINE_LIMIT_MS = 30_000;
const GRACE_MS = 5_000;
/** After the end, for what is still in the pipes. */
const LAST_WORDS_MS = 500;

/** How a process ended. */
export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface StopOptions {
  /** SIGTERM by default. */
  readonly signal?: NodeJS.Signals;
  /** How long it may take before SIGKILL; 5 s by default. */
  readonly graceMs?: number;
}

/** A process that a test started, with what it has written so far. */
export class HostProcess {
  readonly argv: readonly string[];
  /** How it ended; never rejects. */
  readonly ended: Promise<Ending>;
  #child: ChildProcess;
  #stdout = '';
  #stderr = '';
  #running = true;
  /** Up to here lines of stdout have been handed out by `line`. */
  #seen = 0;
  #wake: (() => void)[] = [];

  /** Starts `argv`; `name` is what errors call it when `argv` is only the way to it. */
  constructor(argv: readonly string[], name: readonly string[] = argv, env: NodeJS.ProcessEnv = process.env) {
    const [command = '', ...rest] = argv;
    this.argv = name;
    this.#child = spawn(command, rest, { stdio: 'pipe', env });
    this.#collect();
    this.#child.stdin?.on('error', () => {}); // it has ended, which `ended` tells
    const { promise, resolve } = Promise.withResolvers<Ending>();
    this.ended = promise;
    const end = (code: number | null, signal: NodeJS.Signals | null): void => {
      this.#running = false;
      resolve({ code, signal });
      this.#notify();
    };
    this.#child.on('close', end);
    // A child of its own may keep the pipes open, and then they never close.
    this.#child.on('exit', (code, signal) => setTimeout(end, LAST_WORDS_MS, code, signal).unref());
    this.#child.on('error', (error) => {
      this.#stderr += error.message;
      end(127, null);
    });
  }

  /** Throws when it could not be started at all. */
  get pid(): number {
    if (this.#child.pid === undefined) throw new Error(`${this.argv[0]} did not start: ${this.#stderr}`);
    return this.#child.pid;
  }

  get stdout(): string {
    return this.#stdout;
  }

  get stderr(): string {
    return this.#stderr;
  }

  get running(): boolean {
    return this.#running;
  }

  /** The next line of stdout that matches, without its end. Throws when the process ends or the time is over first. */
  async line(match: RegExp, limitMs = LINE_LIMIT_MS): Promise<string> {
    const end = performance.now() + limitMs;
    for (;;) {
      const found = this.#nextLine(match);
      if (found !== null) return found;
      if (!this.#running) throw this.#failure(`ended before it wrote ${match}`);
      if (performance.now() >= end) throw this.#failure(`did not write ${match} within ${limitMs} ms`);
      await this.#news(end - performance.now());
    }
  }

  write(text: string): void {
    this.#child.stdin?.write(text);
  }

  closeInput(): void {
    this.#child.stdin?.end();
  }

  /** Asks it to end, and makes it when it does not. Does nothing when it has ended. */
  async stop({ signal = 'SIGTERM', graceMs = GRACE_MS }: StopOptions = {}): Promise<Ending> {
    if (this.#running) {
      this.#child.kill(signal);
      const timer = setTimeout(() => this.#child.kill('SIGKILL'), graceMs);
      await this.ended;
      clearTimeout(timer);
    }
    return this.ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** Waits for its end. Throws, with what it wrote to stderr, unless its exit code is 0. */
  async success(): Promise<string> {
    const { code, signal } = await this.ended;
    if (code !== 0) throw this.#failure(`ended with ${signal ?? `exit code ${code}`}`);
    return this.#stdout;
  }

  #collect(): void {
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#stdout += text;
      this.#notify();
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
    });
  }

  #nextLine(match: RegExp): string | null {
    for (;;) {
      const end = this.#stdout.indexOf('\n', this.#seen);
      if (end < 0) return null;
      const line = this.#stdout.slice(this.#seen, end);
      this.#seen = end + 1;
      if (match.test(line)) return line;
    }
  }

  #notify(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }

  async #news(limitMs: number): Promise<void> {
    const news = new Promise<void>((resolve) => this.#wake.push(resolve));
    const timer = new AbortController();
    await Promise.race([news, sleep(limitMs, undefined, { signal: timer.signal }).catch(() => {})]);
    timer.abort();
  }

  #failure(what: string): Error {
    const said = (this.#stderr || this.#stdout).trim().slice(-600);
    return new Error(`${this.argv.join(' ').slice(0, 300)}: ${what}${said && `: ${said}`}`);
  }
}

/** Runs a command to its end and returns its stdout. Throws unless its exit code is 0. */
export async function run(argv: readonly string[], input = '', limitMs = LINE_LIMIT_MS): Promise<string> {
  const child = new HostProcess(argv);
  if (input !== '') child.write(input);
  child.closeInput();
  const timer = setTimeout(() => void child.stop({ signal: 'SIGKILL' }), limitMs);
  try {
    return await child.success();
  } finally {
    clearTimeout(timer);
  }
}
