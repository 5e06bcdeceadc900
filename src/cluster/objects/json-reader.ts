import { canonicalAddress } from '../../util/address.ts';
import { isJsonObject, type JsonObject } from '../../util/json-object.ts';

/** No name, label or image reference is longer: the API server allows 253, 63, and 255 for the longest image names. */
const MAX_TEXT = 1024;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/;
const NOTHING: JsonObject = {};

/** Takes values out of JSON that may have any shape. What is not as it should be counts as left out; what is absent does not. */
export class JsonReader {
  /** Parts that were left out so far. */
  leftOut = 0;

  object(value: unknown): JsonObject {
    if (value === undefined || value === null) return NOTHING;
    if (isJsonObject(value)) return value;
    this.leftOut++;
    return NOTHING;
  }

  /** The items of a list, at most so many. */
  list(value: unknown, max: number): readonly unknown[] {
    if (value === undefined || value === null) return [];
    if (!Array.isArray(value)) {
      this.leftOut++;
      return [];
    }
    if (value.length <= max) return value;
    this.leftOut += value.length - max;
    return value.slice(0, max);
  }

  text(value: unknown): string {
    if (value === undefined || value === null) return '';
    if (typeof value === 'string' && value.length <= MAX_TEXT) return value;
    this.leftOut++;
    return '';
  }

  /** Milliseconds since 1970 of an RFC 3339 time; null: not told. Go writes the year 1 for "never". */
  timeMs(value: unknown): number | null {
    const text = this.text(value);
    if (text === '') return null;
    const ms = TIME.test(text) ? Date.parse(text) : NaN;
    if (Number.isNaN(ms)) this.leftOut++;
    return ms > 0 ? ms : null;
  }

  /** 1 to 65535; 0 where there is none. */
  port(value: unknown): number {
    if (value === undefined || value === null || value === 0) return 0;
    if (typeof value === 'number' && Number.isInteger(value) && value > 0 && value < 65_536) return value;
    this.leftOut++;
    return 0;
  }

  /** TCP where none is told, as the API says; null for one that is not known. */
  protocol(value: unknown): 'tcp' | 'udp' | 'sctp' | null {
    switch (this.text(value)) {
      case '':
      case 'TCP':
        return 'tcp';
      case 'UDP':
        return 'udp';
      case 'SCTP':
        return 'sctp';
      default:
        this.leftOut++;
        return null;
    }
  }

  /** The canonical text of an address; '' where there is none. */
  address(value: unknown): string {
    const text = this.text(value);
    if (text === '') return '';
    const address = canonicalAddress(text);
    if (address === null) this.leftOut++;
    return address ?? '';
  }

  /** The addresses among the values, each once. */
  addresses(values: readonly unknown[]): readonly string[] {
    const found: string[] = [];
    for (const value of values) {
      const address = this.address(value);
      if (address !== '' && !found.includes(address)) found.push(address);
    }
    return found.slice(); // a list that grew has room for more
  }
}
