import { Edge } from './edge.ts';
import { type EdgeIdentity, edgeLabels, type EdgeView, otherLabels, type Reporter } from './edge-labels.ts';
import { decay, EdgeRanking } from './edge-ranking.ts';

const PAUSE_MASK = 0xff; // edges between two places to pause, less one

/**
 * The edges there are, and which of them have series. Those without are bounded by the flow table, whose rows they have;
 * those with, by the budget; the edges `other`, by reporters and scopes.
 */
export class EdgeBook {
  readonly #view: EdgeView;
  readonly #budget: number;
  readonly #ttlNs: number;
  /** By key. Those named `other` too: with labels dropped an edge may be told by the same ones. */
  readonly #edges = new Map<string, Edge>();
  readonly #others = new Map<string, Edge>();
  readonly #ranking = new EdgeRanking();
  #lastNs = 0;
  #shown = 0;
  #folded = 0;

  constructor(view: EdgeView, budget: number, ttlNs: number) {
    this.#view = view;
    this.#budget = budget;
    this.#ttlNs = ttlNs;
  }

  get stats(): { readonly edges: number; readonly budget: number; readonly folded: number } {
    return { edges: this.#shown, budget: this.#budget, folded: this.#folded };
  }

  /** The edge of flows of this identity; a new one has no series yet. */
  find(of: EdgeIdentity): Edge {
    const values = edgeLabels(of, this.#view);
    const key = Edge.key(values);
    let edge = this.#edges.get(key);
    if (!edge) {
      const other = this.other(of.reporter, of.scope);
      if (other.key === key) return other;
      edge = new Edge(of.reporter, values, other);
      this.#edges.set(key, edge);
    }
    return edge;
  }

  /** The edge of what has no series of its own. */
  other(reporter: Reporter, scope: string): Edge {
    const name = `${reporter} ${scope}`;
    const known = this.#others.get(name);
    if (known) return known;
    const values = otherLabels(reporter, scope, this.#view);
    const edge = this.#edges.get(Edge.key(values)) ?? new Edge(reporter, values, null);
    edge.stay();
    this.#edges.set(edge.key, edge);
    this.#others.set(name, edge);
    return edge;
  }

  /**
   * Ends edges, and gives series to those that shall have them, before what the snapshot brought is counted.
   * Yields where it may pause.
   */
  *choose(nowNs: number): Generator<void> {
    const worth = this.#lastNs === 0 ? 1 : decay(nowNs - this.#lastNs);
    this.#lastNs = nowNs;
    this.#ranking.begin();
    let shown = 0;
    let i = 0;
    for (const edge of this.#edges.values()) {
      if ((i++ & PAUSE_MASK) === 0) yield;
      edge.account?.begin();
      if (edge.isOther || this.#end(edge, nowNs)) continue;
      edge.size *= worth;
      if (edge.account) shown++;
      this.#ranking.add(edge, nowNs);
    }
    const { show, hide } = yield* this.#ranking.choose(Math.max(0, this.#budget - shown));
    for (const edge of hide) edge.hide();
    for (const edge of show) {
      if ((i++ & PAUSE_MASK) === 0) yield;
      edge.show(nowNs);
    }
    this.#folded = this.#ranking.waiting - show.length + hide.length;
    this.#shown = shown + show.length - hide.length;
  }

  /** Those whose accounts are on the page. */
  *shown(): Generator<Edge> {
    for (const edge of this.#edges.values()) {
      if (edge.account && (!edge.isOther || edge.account.hasCounted)) yield edge;
    }
  }

  /** An edge without flows keeps its series for a while: its counters must not start again when one comes back. */
  #end(edge: Edge, nowNs: number): boolean {
    if (edge.rows > 0 || (edge.account && nowNs - edge.activeNs < this.#ttlNs)) return false;
    edge.hide();
    this.#edges.delete(edge.key);
    return true;
  }
}
