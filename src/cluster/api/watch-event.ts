import { isJsonObject } from '../../util/json-object.ts';
import { ApiError, kindOfStatus } from './api-error.ts';
import { readStatus } from './status.ts';

/** What every object of the API has and we rely on; the rest is for a projection. */
export interface RawObject {
  readonly metadata: {
    /** '' in a bookmark. */
    readonly uid: string;
    /** Opaque: compared for equality only. */
    readonly resourceVersion: string;
  };
}

export interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';
  readonly object: RawObject;
  /** The bookmark behind the initial events of a streaming list ("Streaming lists" of the API concepts). */
  readonly endsList: boolean;
}

const TYPES = new Set<unknown>(['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK']);

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ApiError('garbled', 'an object is half, or no JSON', { cause: error });
  }
}

function checked(value: unknown, needsUid: boolean): RawObject {
  const metadata = isJsonObject(value) ? value['metadata'] : null;
  if (isJsonObject(metadata) && typeof metadata['resourceVersion'] === 'string') {
    const uid = metadata['uid'];
    if (!needsUid || (typeof uid === 'string' && uid !== '')) return value as RawObject;
  }
  throw new ApiError('garbled', 'an object has no UID or no resourceVersion');
}

/** An item of a list. Throws ApiError garbled. */
export function parseItem(text: string): RawObject {
  return checked(parse(text), true);
}

/** A line of a watch. Throws ApiError: garbled, or what an ERROR event says (gone for 410, and so on). */
export function parseEvent(line: string): WatchEvent {
  const event = parse(line);
  if (!isJsonObject(event)) throw new ApiError('garbled', 'an event is no object');
  const { type, object } = event;
  if (type === 'ERROR') throw errorOf(object);
  if (!TYPES.has(type)) throw new ApiError('garbled', 'an event of no known type');
  return {
    type: type as WatchEvent['type'],
    object: checked(object, type !== 'BOOKMARK'),
    endsList: type === 'BOOKMARK' && endsList(object),
  };
}

function endsList(object: unknown): boolean {
  const metadata = isJsonObject(object) ? object['metadata'] : null;
  const annotations = isJsonObject(metadata) ? metadata['annotations'] : null;
  return isJsonObject(annotations) && annotations['k8s.io/initial-events-end'] === 'true';
}

function errorOf(object: unknown): ApiError {
  const status = readStatus(object);
  if (status === null) return new ApiError('garbled', 'an ERROR event without a Status');
  const kind = status.code < 400 ? 'server' : kindOfStatus(status.code);
  return new ApiError(kind, `the watch ended: ${status.code} ${status.message}`, {
    status: status.code,
    retryAfterMs: status.retryAfterMs,
  });
}
