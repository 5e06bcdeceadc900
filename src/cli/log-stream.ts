import type { DestinationStream } from 'pino';

/** What is kept for a reader that does not read: some thousand lines. */
const WAITING_MAX_BYTES = 256 * 1024;

/** The part of a pipe or socket that lines are written to. */
export interface LogTarget {
  readonly writableLength: number;
  write(text: string): boolean;
  on(event: 'drain' | 'error', listener: () => void): unknown;
}

/**
 * Lines for whoever reads our log, never waiting for him: a line goes out at once while he reads, a few are kept while he
 * does not, and what is over that is dropped and counted. He is told how many when he reads again. The agent counts on.
 */
export class LogStream implements DestinationStream {
  readonly #target: LogTarget;
  #lost = 0;
  #told = 0; // of these

  /** @param target a pipe or a socket that takes what it can at once, as process.stderr does on Linux */
  constructor(target: LogTarget) {
    this.#target = target;
    target.on('drain', () => this.#tell());
    target.on('error', () => {}); // the reader is gone: nobody is left to tell
  }

  /** Lines that found no room, since the start. */
  get lost(): number {
    return this.#lost;
  }

  /** @param line with its end */
  write(line: string): void {
    if (this.#target.writableLength + line.length <= WAITING_MAX_BYTES) this.#target.write(line);
    else this.#lost++;
  }

  #tell(): void {
    if (this.#lost === this.#told) return;
    const msg = `${this.#lost - this.#told} lines of this log are lost: nobody read it`;
    this.#told = this.#lost;
    this.#target.write(`${JSON.stringify({ level: 40, time: Date.now(), msg })}\n`);
  }
}
