import { readFile } from 'node:fs/promises';
import type { Clock } from '../../util/clock.ts';

/**
 * A file that others replace while we run, as kubelet does with the token and the CA of a pod (it swaps a symbolic link,
 * so the name is read afresh each time). A read is a few microseconds of the page cache: no watch on the file is needed.
 */
export class RereadFile {
  readonly #path: string;
  readonly #maxAgeMs: number;
  readonly #clock: Clock;
  #text: string | null = null;
  #readMs = 0;

  /** @param maxAgeMs how long what was read is taken for what is there */
  constructor(path: string, maxAgeMs: number, clock: Clock) {
    this.#path = path;
    this.#maxAgeMs = maxAgeMs;
    this.#clock = clock;
  }

  /**
   * The content, without white space around it. Where it cannot be read now, or is empty (half written), what was there
   * before. Throws where nothing has been read yet.
   * @param now read it again, however young what we have is
   */
  async text(now: boolean): Promise<string> {
    const nowMs = this.#clock.tsMonoMs();
    if (!now && this.#text !== null && nowMs - this.#readMs < this.#maxAgeMs) return this.#text;
    try {
      const text = (await readFile(this.#path, 'utf8')).trim();
      if (text === '') throw new Error(`${this.#path} is empty`);
      this.#text = text;
      this.#readMs = nowMs;
    } catch (error) {
      if (this.#text === null) throw error;
    }
    return this.#text;
  }
}
