import { type LabelSet, labelSet } from '../expose/page.ts';
import { EdgeAccount, FAILURE_REASONS } from './edge-account.ts';
import type { Reporter } from './edge-labels.ts';

/** Which way data goes. */
export type Direction = 'to_server' | 'to_client';
/** What held data up that was there to be sent, in the words of the label `by`. */
export const LIMITS = ['receiver', 'send_buffer', 'congestion'] as const;

/** The labels of an edge's series, made when it gets them. */
export interface EdgeLabelSets {
  readonly edge: LabelSet;
  readonly direction: Readonly<Record<Direction, LabelSet>>;
  /** In the order of LIMITS. */
  readonly limits: readonly LabelSet[];
}

/** Flows that are told by the same labels. */
export class Edge {
  readonly reporter: Reporter;
  /** Values of EDGE_LABELS. */
  readonly values: readonly string[];
  /** The labels as one string. */
  readonly key: string;
  /** Where its flows are counted while it has no series; null: it is that edge itself. */
  readonly other: Edge | null;
  /** It is the edge `other` of a reporter and scope, and stays. */
  isOther = false;
  /** Flows that are its own now. */
  rows = 0;
  /** When anything of it last moved or was open, ns. */
  activeNs = 0;
  /** What it has lately carried, see EdgeRanking. */
  size = 0;
  /** Null: it has no series. */
  account: EdgeAccount | null = null;
  /** Since when it has had series, ns. */
  shownNs = 0;
  #labels: EdgeLabelSets | null = null;
  #reasons: readonly LabelSet[] | null = null;

  constructor(reporter: Reporter, values: readonly string[], other: Edge | null) {
    this.reporter = reporter;
    this.values = values;
    this.key = Edge.key(values);
    this.other = other;
  }

  static key(values: readonly string[]): string {
    return values.join('\0');
  }

  /** The way that data goes which the reporter sends. */
  get sends(): Direction {
    return this.reporter === 'source' ? 'to_server' : 'to_client';
  }

  /** Begins its series at 0: what it has had before is in `other`. */
  show(nowNs: number): void {
    this.shownNs = nowNs;
    this.account = new EdgeAccount();
  }

  /** Makes it the one that others are counted in. */
  stay(): void {
    this.isOther = true;
    this.account ??= new EdgeAccount();
  }

  /** Ends its series: what they have counted joins `other`, and what comes is counted there. */
  hide(): void {
    if (this.account) this.other?.account?.inherit(this.account);
    this.account = null;
    this.#labels = null;
    this.#reasons = null;
  }

  get labels(): EdgeLabelSets {
    this.#labels ??= labelSets(this.values, this.sends);
    return this.#labels;
  }

  /** By failure class, in the order of FAILURE_REASONS. Few edges ever need them. */
  get reasons(): readonly LabelSet[] {
    this.#reasons ??= FAILURE_REASONS.map((reason) => labelSet([...this.values, reason]));
    return this.#reasons;
  }
}

function labelSets(values: readonly string[], sends: Direction): EdgeLabelSets {
  const set = (...more: string[]): LabelSet => labelSet([...values, ...more]);
  return {
    edge: set(),
    direction: { to_server: set('to_server'), to_client: set('to_client') },
    limits: LIMITS.map((by) => set(sends, by)),
  };
}
