import { isJsonObject } from '../../util/json-object.ts';

/** What we read of a Status object of the API server (meta/v1): the body of an error, or an ERROR event of a watch. */
export interface Status {
  readonly code: number;
  readonly message: string;
  readonly retryAfterMs: number | null;
}

/** No server asks for more, and one that does by mistake must not stop us for a day. */
const MAX_RETRY_AFTER_MS = 300_000;

/** Seconds of a Retry-After, as milliseconds; null where it is no number (the API server sends seconds, never a date). */
export function retryAfterMs(seconds: unknown): number | null {
  const text = typeof seconds === 'number' ? String(seconds) : seconds;
  if (typeof text !== 'string' || !/^\d{1,9}$/.test(text)) return null;
  return Math.min(Number(text) * 1000, MAX_RETRY_AFTER_MS);
}

/** The parts of a Status that can be trusted to have their type; null where it is none. */
export function readStatus(value: unknown): Status | null {
  if (!isJsonObject(value) || value['kind'] !== 'Status') return null;
  const details = isJsonObject(value['details']) ? value['details'] : {};
  return {
    code: typeof value['code'] === 'number' ? value['code'] : 0,
    message: typeof value['message'] === 'string' ? value['message'] : '',
    retryAfterMs: retryAfterMs(details['retryAfterSeconds']),
  };
}
