import type { Page, Sample } from './page.ts';

/** Bytes over several series. */
export interface Sums {
  readonly sent: number;
  readonly received: number;
}

const FIVE = [
  'bytes_sent',
  'bytes_recv',
  'bytes_sent_per_second',
  'bytes_recv_per_second',
  'active_connections',
];
const BYTES = ['bytes_sent', 'bytes_recv'];
const EDGE_COUNTERS = [
  'kube_netc_edge_bytes_total',
  'kube_netc_edge_segments_total',
  'kube_netc_edge_connections_opened_total',
  'kube_netc_edge_connections_closed_total',
];
const PROBLEMS_MAX = 20;

type Labels = Sample['labels'];

/** All bytes of a page, or of the series that match. */
export function sumsOf(page: Page, match: (labels: Labels) => boolean = () => true): Sums {
  const [sent = 0, received = 0] = BYTES.map((name) =>
    page.find(name).reduce((sum, { labels, value }) => sum + (match(labels) ? value : 0), 0),
  );
  return { sent, received };
}

/**
 * Looks at one page of an agent after the other, and keeps what is wrong with them: a series too many, a negative
 * value, a sum that fell from one page to the next, a busy pair that lost its series.
 */
export class SumWatch {
  readonly problems: string[] = [];
  pages = 0;
  /** The most series of pairs that a page had, without `other`. */
  mostSeries = 0;
  readonly #budget: number;
  readonly #busy: (labels: Labels) => boolean;
  #before = new Map<string, number>();

  /** @param busy true for series of pairs that have traffic all the time: once they are there they stay */
  constructor(budget: number, busy: (labels: Labels) => boolean) {
    this.#budget = budget;
    this.#busy = busy;
  }

  look(page: Page): void {
    this.pages++;
    const [now, pairs] = [new Map<string, number>(), new Map<string, Labels>()];
    const add = (key: string, value: number): void => void now.set(key, (now.get(key) ?? 0) + value);
    for (const name of FIVE) {
      const found = page.find(name);
      if (found.length > this.#budget) this.#say(`${found.length} series of ${name}`);
      for (const { labels, value } of found)
        if (!(value >= 0)) this.#say(`${name} ${JSON.stringify(labels)} ${value}`);
    }
    for (const name of BYTES) {
      add(`all ${name}`, 0);
      for (const { labels, value } of page.find(name)) {
        add(`all ${name}`, value);
        if (labels['source_address'] === 'other') continue;
        add(`pair ${name} ${pairOf(labels)}`, value);
        pairs.set(`pair ${name} ${pairOf(labels)}`, labels);
      }
    }
    for (const name of EDGE_COUNTERS) {
      add(`all ${name}`, 0);
      for (const { labels, value } of page.find(name)) {
        add(`all ${name}`, value);
        add(`edge ${name} ${Object.values(labels).join(' ')}`, value);
      }
    }
    const named = page.find('bytes_sent').filter(({ labels }) => labels['source_address'] !== 'other');
    this.mostSeries = Math.max(this.mostSeries, named.length);
    this.#compare(now, pairs);
  }

  #compare(now: Map<string, number>, pairs: Map<string, Labels>): void {
    for (const [key, before] of this.#before) {
      const value = now.get(key);
      if (value !== undefined && value < before)
        this.#say(`page ${this.pages}: ${key} fell from ${before} to ${value}`);
      if (value === undefined && this.#stays.has(key)) this.#say(`page ${this.pages}: ${key} is gone`);
    }
    for (const [key, labels] of pairs) if (this.#busy(labels)) this.#stays.add(key);
    this.#before = now;
  }

  readonly #stays = new Set<string>();

  #say(problem: string): void {
    if (this.problems.length < PROBLEMS_MAX) this.problems.push(problem);
  }
}

/** The pair of a series, whose destination may have a port: "1.2.3.4:5", "[::1]:5". */
function pairOf(labels: Labels): string {
  const remote = (labels['destination_address'] ?? '').replace(/^\[(.*)\]:\d+$|^([\d.]+):\d+$/, '$1$2');
  return `${labels['source_kind']} ${labels['source_name']} ${labels['source_address']} ${remote}`;
}
