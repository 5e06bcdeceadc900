import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const { O_NONBLOCK, O_RDWR } = constants;
const FILLING = Buffer.alloc(4096, '\n');

/** A pipe with no room left, and nobody who reads it until drain(). */
export class FullPipe implements Disposable {
  readonly path: string;
  readonly #fd: number;

  /** @param folder where the pipe gets a name */
  constructor(folder: string) {
    this.path = join(folder, 'full-pipe');
    execFileSync('mkfifo', [this.path]);
    this.#fd = openSync(this.path, O_RDWR | O_NONBLOCK); // both ends, so that nobody waits for the other to open it
    while (this.#write());
  }

  /** A command that becomes the one behind it, with this pipe for its stderr. */
  get prefix(): string[] {
    return ['sh', '-c', 'exec "$@" 2>"$0"', this.path];
  }

  /** All that is in the pipe now, without what filled it. */
  drain(): string {
    const buffer = Buffer.alloc(65_536);
    let text = '';
    for (;;) {
      try {
        text += buffer.toString('utf8', 0, readSync(this.#fd, buffer));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
        return text.replace(/^\n+/, '');
      }
    }
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }

  /** @returns false: there is no room left */
  #write(): boolean {
    try {
      return writeSync(this.#fd, FILLING) > 0;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      return false;
    }
  }
}
