import { aggregated, type Cause, EXCESS, type Interval, MISSING, type Unseen } from './audit-causes.ts';
import { AUDITED, type Audited, hasRestarted } from './audit-counters.ts';
import { Growth, type Range, type Window } from './audit-growth.ts';
import type { Accounted } from './audit-sums.ts';

const NAMESPACES_MAX = 256;

/**
 * exact        agrees to the segment, with nothing taken away but what the kernel counts one for one
 * explained    the rest is within what the kernel counts of named causes
 * unexplained  the kernel has counted what nothing accounts for, or the other way round
 * cannot tell  see the row's reason
 */
export type Verdict = 'exact' | 'explained' | 'unexplained' | 'cannot tell';

/** One counter of one namespace, since the agent first saw it. kernel - accounted = all explained + unexplained. */
export interface AuditRow {
  readonly netns: number;
  /** Where the kernel's side was read: `self`, or the process. */
  readonly through: string;
  readonly counter: Audited;
  readonly kernel: number;
  readonly accounted: number;
  /** Positive: the kernel counts it and no socket does. Negative: the other way round. */
  readonly explained: readonly { readonly cause: Cause; readonly count: number }[];
  readonly unexplained: number;
  readonly verdict: Verdict;
  /** Why it cannot be told; else empty. */
  readonly reason: string;
}

/** A namespace at one snapshot. */
export interface NamespaceReading extends Window {
  readonly netns: number;
  readonly through: string;
  readonly accounted: Accounted;
  /** Whether sockets that are not ours have moved something in it since the agent began: the kernel counts them too. */
  readonly outsiders: { readonly tcp: boolean; readonly udp: boolean };
}

/** The agent's books at one snapshot, of all namespaces. Cumulative. */
export interface BooksReading {
  readonly unseen: Unseen;
  /** What had no room in the books: its namespace is not known. */
  readonly other: Accounted;
  readonly udpCounted: boolean;
}

interface Moment extends NamespaceReading {
  readonly books: BooksReading;
}
interface State {
  readonly first: Moment;
  last: Moment;
}

/** Compares what the kernel itself counts with what the agent has accounted for, by network namespace. */
export class Audit {
  /** Namespaces that could be read and had no room here, as of the last round. */
  skipped = 0;
  readonly #states = new Map<number, State>(); // at most NAMESPACES_MAX, ends by keep()

  /** A snapshot of a namespace. The first one is where the comparison begins: what was before is outside of it. */
  observe(reading: NamespaceReading, books: BooksReading): void {
    const moment = { ...reading, books };
    const state = this.#states.get(reading.netns);
    if (state && !hasRestarted(state.last.after, reading.before)) state.last = moment;
    else if (state || this.#states.size < NAMESPACES_MAX) {
      this.#states.set(reading.netns, { first: moment, last: moment });
    }
  }

  has(netns: number): boolean {
    return this.#states.has(netns);
  }

  /** Ends every namespace that is not in `readable`: the next one with its inode is another one. */
  keep(readable: ReadonlySet<number>): void {
    for (const netns of this.#states.keys()) if (!readable.has(netns)) this.#states.delete(netns);
    this.skipped = this.#states.size < NAMESPACES_MAX ? 0 : readable.size - this.#states.size;
  }

  rows(): AuditRow[] {
    return [...this.#states.values()].flatMap((state) => {
      const interval = intervalOf(state);
      return AUDITED.map((counter) => judge(counter, state, interval));
    });
  }
}

function intervalOf({ first, last }: State): Interval {
  return {
    kernel: new Growth(first, last),
    accounted: subtract(last.accounted, first.accounted),
    unseen: subtract(last.books.unseen, first.books.unseen),
  };
}

function judge(counter: Audited, { first, last }: State, interval: Interval): AuditRow {
  const account = new Difference(interval.kernel.of(counter), interval.accounted[counter]);
  if (counter === 'TcpOutSegs') account.takeExact('syn_ack', interval.kernel.of('passiveOpens'));
  if (counter === 'TcpInSegs') account.takeAggregated(interval);
  account.takeReading();
  for (const [cause, most] of MISSING[counter](interval)) account.takeUpTo(cause, most);
  for (const [cause, most] of EXCESS[counter](interval)) account.takeUpTo(cause, -most);
  const { netns, through } = last;
  const { kernel, accounted, explained, rest: unexplained, exact } = account;
  const reason = whyNotTold(counter, first, last, unexplained);
  const agrees = exact ? 'exact' : 'explained';
  const verdict = reason !== '' ? 'cannot tell' : unexplained !== 0 ? 'unexplained' : agrees;
  return { netns, through, counter, kernel, accounted, explained, unexplained, verdict, reason };
}

function whyNotTold(counter: Audited, first: Moment, last: Moment, unexplained: number): string {
  if (first === last) return 'read once so far';
  const udp = counter === 'UdpInDatagrams' || counter === 'UdpOutDatagrams';
  if (unexplained > 0 && (udp ? last.outsiders.udp : last.outsiders.tcp))
    return 'sockets of another node use this namespace too';
  if (udp && !(first.books.udpCounted && last.books.udpCounted)) return 'UDP is not counted';
  // A namespace that agrees has nothing in `other`; what is missing from one that does not may be there.
  const other = last.books.other[counter] - first.books.other[counter];
  if (unexplained > 0 && unexplained <= other) return 'books_full: some flows had no book, so no namespace';
  return '';
}

/** What is left of a difference while its causes are taken from it. */
class Difference {
  readonly kernel: number;
  readonly accounted: number;
  readonly explained: { cause: Cause; count: number }[] = [];
  rest: number;
  exact = true;
  /** How far the rest may be off, because counters moved while the snapshot was taken. */
  #low: number;
  #high: number;

  constructor(kernel: Range, accounted: number) {
    this.kernel = kernel.point;
    this.accounted = accounted;
    this.rest = kernel.point - accounted;
    this.#low = kernel.low - kernel.point;
    this.#high = kernel.high - kernel.point;
  }

  /** What the kernel counts one for one: taken whole, even if more than the rest. */
  takeExact(cause: Cause, count: Range): void {
    this.#take(cause, count.point);
    this.#low -= count.high - count.point;
    this.#high -= count.low - count.point;
  }

  /** The sockets have counted more than the kernel: that much, or where it is not sure whose they were, what is needed. */
  takeAggregated(interval: Interval): void {
    const { low, point, high, least, most } = aggregated(interval);
    const taken = Math.min(Math.max(-this.rest, least), most);
    if (least !== most) this.exact = false;
    this.#take('aggregated', -taken);
    this.#low += low - point;
    this.#high += high - point;
  }

  takeReading(): void {
    const taken = this.rest > 0 ? Math.min(this.rest, -this.#low) : Math.max(this.rest, -this.#high);
    if (taken !== 0) this.exact = false;
    this.#take('while_reading', taken);
  }

  /** @param most positive: of what only the kernel counts; negative: of what only sockets count */
  takeUpTo(cause: Cause, most: number): void {
    const taken = most > 0 ? Math.min(Math.max(this.rest, 0), most) : Math.max(Math.min(this.rest, 0), most);
    if (taken !== 0) this.exact = false;
    this.#take(cause, taken);
  }

  #take(cause: Cause, count: number): void {
    if (count === 0) return;
    this.explained.push({ cause, count });
    this.rest -= count;
  }
}

function subtract<T extends Readonly<Record<string, number>>>(a: T, b: T): T {
  return Object.fromEntries(Object.entries(a).map(([key, value]) => [key, value - (b[key] ?? 0)])) as T;
}
