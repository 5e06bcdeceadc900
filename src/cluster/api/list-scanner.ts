import type { JsonObject } from '../../util/json-object.ts';
import { ApiError } from './api-error.ts';

const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** 1 for the bytes outside strings that the scanner stops at. */
const STRUCTURAL = new Uint8Array(256);
for (const byte of [QUOTE, COMMA, OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT]) STRUCTURAL[byte] = 1;

const NOTHING = Buffer.alloc(0);

/**
 * Finds the items of a list of the API (`{"metadata": ..., "items": [...]}`, members in any order) while its body
 * arrives, so that the list is never in memory as a whole. Holds one item at most, and the other members.
 *
 *     scanner.feed(chunk);
 *     for (let item = scanner.next(); item !== null; item = scanner.next()) JSON.parse(item);
 *     ...
 *     const { metadata } = scanner.end();
 */
export class ListScanner {
  readonly #limitBytes: number;
  #members = Object.create(null) as Record<string, unknown>;
  #chunk: Buffer = NOTHING;
  #at = 0;
  /** Where what is being captured begins in the chunk; what of it was in earlier chunks is in `pieces`. */
  #from = 0;
  #pieces: Buffer[] = [];
  #piecesBytes = 0;
  #depth = 0;
  #inString = false;
  #escaped = false;
  #inItems = false;
  #done = false;

  /** @param limitBytes the longest item, and the longest other member */
  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  /** The next part of the body. To be called when next() has answered null. */
  feed(chunk: Buffer): void {
    this.#chunk = chunk;
    this.#at = 0;
    this.#from = 0;
  }

  /** The JSON text of the next item; null: it needs more of the body. Throws ApiError: garbled, too_large. */
  next(): string | null {
    const chunk = this.#chunk;
    let at = this.#at;
    while (at < chunk.length) {
      if (this.#inString) {
        at = this.#skipString(at);
        continue;
      }
      const byte = chunk[at++] ?? 0;
      if (STRUCTURAL[byte] === 0) continue;
      const item = this.#structural(byte, at);
      if (item === null) continue;
      this.#at = at;
      return item;
    }
    this.#at = at;
    this.#keep();
    return null;
  }

  /** The members but the items. Throws ApiError garbled where the body ended before the list did. */
  end(): JsonObject {
    if (!this.#done) throw new ApiError('garbled', 'the list ends in the middle');
    return this.#members;
  }

  /** Where the string ends, or the chunk. */
  #skipString(from: number): number {
    const chunk = this.#chunk;
    for (let at = from; at < chunk.length; at++) {
      const byte = chunk[at];
      if (this.#escaped) this.#escaped = false;
      else if (byte === BACKSLASH) this.#escaped = true;
      else if (byte === QUOTE) {
        this.#inString = false;
        return at + 1;
      }
    }
    return chunk.length;
  }

  /** @param end behind the byte */
  #structural(byte: number, end: number): string | null {
    if (this.#done) throw new ApiError('garbled', 'the list goes on behind its end');
    if (byte === QUOTE) this.#inString = true;
    else if (byte === COMMA) return this.#comma(end);
    else if (byte === OPEN_LIST || byte === OPEN_OBJECT) this.#open(byte, end);
    else return this.#close(end);
    return null;
  }

  #open(byte: number, end: number): void {
    this.#depth++;
    if (this.#depth === 1) {
      if (byte !== OPEN_OBJECT) throw new ApiError('garbled', 'the list is no JSON object');
      this.#from = end;
    } else if (this.#depth === 2 && byte === OPEN_LIST && this.#isItems(end - 1)) {
      this.#inItems = true;
      this.#cut(end - 1, end);
    }
  }

  #isItems(end: number): boolean {
    const bytes = this.#piecesBytes + end - this.#from;
    // a name of five letters, with what white space there may be around it
    return bytes < 64 && /^\s*"items"\s*:\s*$/.test(this.#captured(end));
  }

  #comma(end: number): string | null {
    if (this.#depth !== (this.#inItems ? 2 : 1)) return null;
    return this.#take(end);
  }

  #close(end: number): string | null {
    const inside = this.#depth === (this.#inItems ? 2 : 1);
    const item = inside ? this.#take(end) : null;
    if (this.#depth === 2 && this.#inItems) this.#inItems = false;
    this.#depth--;
    if (this.#depth < 0) throw new ApiError('garbled', 'the list has no beginning');
    if (this.#depth === 0) this.#done = true;
    return item;
  }

  /** What was captured before the separator that ends at `end`: an item for the caller, or a member for us. */
  #take(end: number): string | null {
    const text = this.#cut(end - 1, end).trim();
    if (text === '') return null;
    if (this.#inItems) return text;
    Object.assign(this.#members, parse(`{${text}}`));
    return null;
  }

  #cut(end: number, next: number): string {
    const text = this.#captured(end);
    this.#pieces = [];
    this.#piecesBytes = 0;
    this.#from = next;
    return text;
  }

  #captured(end: number): string {
    this.#check(end);
    const last = this.#chunk.subarray(this.#from, end);
    // joined as bytes: a chunk may end within a character
    return (this.#pieces.length === 0 ? last : Buffer.concat([...this.#pieces, last])).toString('utf8');
  }

  #keep(): void {
    if (this.#depth === 0) return;
    this.#check(this.#chunk.length);
    if (this.#from < this.#chunk.length) {
      this.#pieces.push(this.#chunk.subarray(this.#from));
      this.#piecesBytes += this.#chunk.length - this.#from;
    }
    this.#chunk = NOTHING;
    this.#at = 0;
    this.#from = 0;
  }

  #check(end: number): void {
    if (this.#piecesBytes + end - this.#from <= this.#limitBytes) return;
    throw new ApiError('too_large', `the list has an object of more than ${this.#limitBytes} bytes`);
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ApiError('garbled', 'the list is no JSON', { cause: error });
  }
}
