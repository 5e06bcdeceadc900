import type { ApiErrorKind } from './api-error.ts';

/** How a Reflector is, at one moment: for /readyz, the log and the metrics. */
export interface ReflectorState {
  /** `pods`, `endpointslices.discovery.k8s.io`. */
  readonly resource: string;
  /** waiting: before the first attempt, between two, or for its turn to list. */
  readonly phase: 'waiting' | 'listing' | 'watching' | 'stopped';
  /** A list has been complete: the set is the server's, as old as `heardAgoMs` says. It stays true. */
  readonly synced: boolean;
  /** Milliseconds since the server last said something: an object, an event, a bookmark (about each minute), the end of a watch in its time. Null: never. */
  readonly heardAgoMs: number | null;
  readonly objects: number;
  /** Lists that were completed; all but the first are relists. */
  readonly lists: number;
  /** Watches that were begun after the first. */
  readonly restarts: number;
  /** Failures by kind, since the start. */
  readonly errors: ReadonlyMap<ApiErrorKind, number>;
  /** Objects that were left out since there are too many. */
  readonly leftOut: number;
  /** What is wrong now, one line without secrets; null: nothing, or not any more. */
  readonly problem: string | null;
  /** The kind of `problem`. */
  readonly problemKind: ApiErrorKind | null;
}
