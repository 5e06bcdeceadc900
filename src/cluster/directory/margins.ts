/**
 * How far clocks and news may be off before an answer could be wrong. What is not sure within these is unknown.
 * API times are of other machines' clocks, and compared with ours only with `skewMs` to spare.
 */
export interface Margins {
  /** Between our wall clock and those of the API server and of any node. */
  readonly skewMs: number;
  /** From an end until we hear of it. Younger moments are not answered yet. */
  readonly settleMs: number;
  /** From a pod's first connection until we hear of its address, at most. What is not sure is answered after that. */
  readonly tellMs: number;
  /** A pod that was deleted by force may go on with its address for so long. */
  readonly lingerMs: number;
}
