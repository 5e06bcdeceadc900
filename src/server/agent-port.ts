import type { Group } from '../expose/metric.ts';
import type { PageBlock } from '../expose/page.ts';

/** Whether the agent does its work, for /readyz. */
export interface Health {
  /** Whether pages have numbers in them. Problems may be told all the same: a probe that is off, for one. */
  readonly ready: boolean;
  /** One line each, for people. */
  readonly problems: readonly string[];
  /** Age of the last snapshot; null before the first. */
  readonly snapshotAgeMs: number | null;
}

/** All that the server knows of the agent. */
export interface AgentPort {
  /**
   * Blocks of these groups, from a snapshot at most `--interval` old. They must stay as they are until the next call:
   * the server makes one page at a time, so arrays may be used again then.
   */
  blocks(groups: ReadonlySet<Group>): Promise<readonly PageBlock[]>;
  health(): Health;
}
