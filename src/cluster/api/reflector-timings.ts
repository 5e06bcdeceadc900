/** Milliseconds. Tests make them shorter. */
export interface ReflectorTimings {
  /**
   * A watch that tells no event for so long is begun again, from where it was: that costs one request and no list.
   * API servers send a bookmark about each minute (defaultBookmarkFrequency in apiserver's cacher.go), though they do not
   * promise it: two may be lost.
   */
  readonly silenceMs: number;
  /**
   * A watch is asked for this long, and up to twice as long (client-go's minWatchTimeout). The server ends it then, with a
   * bookmark before (bookmarkTimeTicker of apiserver's cacher): one that goes on in silence for `overdueMs` more is lost.
   */
  readonly watchMs: number;
  readonly overdueMs: number;
  /** The same for a watch that begins with a list, which may take its time. */
  readonly listWatchMs: number;
  /** From the begin of a list to that of the next, at the least: a relist storm is one list in so long. */
  readonly relistMs: number;
  readonly backoffBaseMs: number;
  readonly backoffCapMs: number;
  /** A watch that lived so long was well: the failure that ended it is the first again. */
  readonly stableMs: number;
  /** A server that refuses streaming lists is not asked for one again for so long. */
  readonly streamingAgainMs: number;
}

export const REFLECTOR_TIMINGS: ReflectorTimings = {
  silenceMs: 130_000,
  watchMs: 300_000,
  overdueMs: 5_000,
  listWatchMs: 300_000,
  relistMs: 10_000,
  backoffBaseMs: 1_000,
  backoffCapMs: 30_000,
  stableMs: 10_000,
  streamingAgainMs: 3_600_000,
};
