import { ApiError } from './api-error.ts';

const LINE_FEED = 0x0a;
const NOTHING = Buffer.alloc(0);

/** Cuts the body of a watch into its lines while it arrives. Holds one line at most. Used as ListScanner is. */
export class LineScanner {
  readonly #limitBytes: number;
  #chunk: Buffer = NOTHING;
  #from = 0;
  /** What of the line was in earlier chunks. */
  #pieces: Buffer[] = [];
  #piecesBytes = 0;

  /** @param limitBytes the longest line */
  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  /** The next part of the body. To be called when next() has answered null. */
  feed(chunk: Buffer): void {
    this.#chunk = chunk;
    this.#from = 0;
  }

  /** The next line that is not empty; null: it needs more of the body. Throws ApiError too_large. */
  next(): string | null {
    for (;;) {
      const end = this.#chunk.indexOf(LINE_FEED, this.#from);
      if (end === -1) {
        this.#keep();
        return null;
      }
      const text = this.#cut(end);
      if (text !== '') return text;
    }
  }

  /** Throws ApiError garbled where the body ended within a line. */
  end(): void {
    this.#keep();
    if (Buffer.concat(this.#pieces).toString('utf8').trim() === '') return;
    throw new ApiError('garbled', 'the watch ended within an event');
  }

  #cut(end: number): string {
    this.#check(end);
    const last = this.#chunk.subarray(this.#from, end);
    const line = this.#pieces.length === 0 ? last : Buffer.concat([...this.#pieces, last]);
    this.#pieces = [];
    this.#piecesBytes = 0;
    this.#from = end + 1;
    return line.toString('utf8').trim();
  }

  #keep(): void {
    this.#check(this.#chunk.length);
    if (this.#from < this.#chunk.length) {
      this.#pieces.push(this.#chunk.subarray(this.#from));
      this.#piecesBytes += this.#chunk.length - this.#from;
    }
    this.#chunk = NOTHING;
    this.#from = 0;
  }

  #check(end: number): void {
    if (this.#piecesBytes + end - this.#from <= this.#limitBytes) return;
    throw new ApiError('too_large', `the watch has an event of more than ${this.#limitBytes} bytes`);
  }
}
