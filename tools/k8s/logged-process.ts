import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';

const GRACE_MS = 5_000;
const LAST_WORDS_BYTES = 1_500;

/** A long-running program that writes into a file, and that the kernel ends when whoever started it is gone. */
export class LoggedProcess {
  readonly name: string;
  readonly logFile: string;
  /** Never rejects. */
  readonly ended: Promise<void>;
  #child: ChildProcess;
  #running = true;
  #problem = '';

  constructor(argv: readonly string[], logFile: string, env: NodeJS.ProcessEnv = process.env) {
    this.name = basename(argv[0] ?? '');
    this.logFile = logFile;
    const log = openSync(logFile, 'a');
    // PR_SET_PDEATHSIG: also after a crash of the test nothing stays behind.
    this.#child = spawn('setpriv', ['--pdeathsig', 'KILL', ...argv], { stdio: ['ignore', log, log], env });
    closeSync(log);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.ended = promise;
    const end = (problem: string): void => {
      this.#running = false;
      this.#problem = problem;
      resolve();
    };
    this.#child.on('exit', (code, signal) => end(`ended with ${signal ?? `exit code ${code}`}`));
    this.#child.on('error', (error) => end(error.message));
  }

  get running(): boolean {
    return this.#running;
  }

  /** Throws when it could not be started at all. */
  get pid(): number {
    if (this.#child.pid === undefined) throw new Error(`${this.name} did not start: ${this.#problem}`);
    return this.#child.pid;
  }

  signal(signal: NodeJS.Signals): void {
    if (this.#running) this.#child.kill(signal);
  }

  /** Asks it to end, and makes it when it does not. */
  async stop(signal: NodeJS.Signals = 'SIGTERM', graceMs = GRACE_MS): Promise<void> {
    this.signal(signal);
    const timer = setTimeout(() => this.signal('SIGKILL'), graceMs);
    await this.ended;
    clearTimeout(timer);
  }

  /** What to say when it failed: how it ended, and the end of its log. */
  lastWords(): string {
    const log = readFileSync(this.logFile, 'utf8').trim();
    return `${this.name} ${this.#running ? 'runs' : this.#problem}: ${log.slice(-LAST_WORDS_BYTES)}`;
  }
}
