import { CONNECTION_LABELS, EDGE_LABELS } from '../../../src/expose/metrics.ts';
import type { Page, Sample } from '../../support/page.ts';

/** Labels that are not empty; all others must be. */
export type Labels = Readonly<Record<string, string>>;

export interface CountedBytes {
  readonly sentBytes: number;
  readonly receivedBytes: number;
}

/** What a page must say of some traffic. */
export interface LedgerEntry extends CountedBytes {
  /** The case that it belongs to. */
  readonly what: string;
  readonly seed: Labels;
  readonly edge: Labels;
}

/** A line of comparison: all labels in their order, and both numbers. */
type Line = string;

/** Labels by which a series is looked up, whatever it is called by the others. */
const ADDRESSES = ['source_address', 'destination_address'] as const;
/** Labels that are empty where somebody is not known, and must otherwise be true. */
const NAMES = CONNECTION_LABELS.filter((label) => !ADDRESSES.some((address) => address === label));

/**
 * What all pages must say: series and edges, all of them and no others, with the bytes that the programs counted. The
 * agent is told of no sockets but the test's own.
 */
export class LabelLedger {
  readonly entries: LedgerEntry[] = [];

  add(entry: LedgerEntry): void {
    this.entries.push(entry);
  }

  /** A case, and whatever is between the same addresses. */
  of(what: string): LedgerEntry[] {
    const own = this.entries.filter((entry) => entry.what === what);
    return this.entries.filter(({ seed }) => own.some((entry) => samePair(entry.seed, seed)));
  }

  /** A case, and whatever is on the same edges. */
  onEdgesOf(what: string): LedgerEntry[] {
    const keys = new Set(
      this.entries.filter((entry) => entry.what === what).map(({ edge }) => lineOf(EDGE_LABELS, edge)),
    );
    return this.entries.filter(({ edge }) => keys.has(lineOf(EDGE_LABELS, edge)));
  }

  /** The series of the seed's metrics that there must be. */
  series(entries: readonly LedgerEntry[] = this.entries): Line[] {
    return summed(entries.map((entry) => ({ ...entry, key: lineOf(CONNECTION_LABELS, entry.seed) })));
  }

  /** The edges that there must be: bytes go from the client to the server. */
  edges(entries: readonly LedgerEntry[] = this.entries): Line[] {
    return summed(entries.map((entry) => ({ ...clientsBytes(entry), key: lineOf(EDGE_LABELS, entry.edge) })));
  }

  /**
   * Series of a page whose names are of somebody else: of a pair of addresses, only what some entry calls it, or nothing,
   * is right.
   */
  wrong(page: Page): string[] {
    return page.find('bytes_sent').flatMap((sample) => {
      const own = this.entries.filter((entry) => samePair(entry.seed, sample.labels));
      const isRight = own.some(({ seed }) =>
        NAMES.every((label) => (sample.labels[label] ?? '') === '' || sample.labels[label] === seed[label]),
      );
      return isRight ? [] : [lineOf(CONNECTION_LABELS, sample.labels)];
    });
  }
}

/** The series of a page, as LabelLedger.series() has them: between addresses of these entries alone, if there are some. */
export function seriesOf(page: Page, entries?: readonly LedgerEntry[]): Line[] {
  const isMeant = (labels: Labels): boolean => entries?.some(({ seed }) => samePair(seed, labels)) ?? true;
  const sent = page.find('bytes_sent').filter(({ labels }) => isMeant(labels));
  return linesOf(CONNECTION_LABELS, sent, page.find('bytes_recv'));
}

/** The edges of a page, as LabelLedger.edges() has them. */
export function edgesOf(page: Page): Line[] {
  const bytes = (direction: string): Sample[] => page.find('kube_netc_edge_bytes_total', { direction });
  return linesOf(EDGE_LABELS, bytes('to_server'), bytes('to_client'));
}

function clientsBytes(entry: LedgerEntry): CountedBytes {
  if (entry.edge['reporter'] === 'source') return entry;
  return { sentBytes: entry.receivedBytes, receivedBytes: entry.sentBytes };
}

function samePair(seed: Labels, labels: Labels): boolean {
  if (seed['source_address'] !== labels['source_address']) return false;
  const [wanted = '', found = ''] = [seed['destination_address'], labels['destination_address']];
  // a server's live connection has the client's port on its series
  return found === wanted || found.startsWith(wanted.includes(':') ? `[${wanted}]:` : `${wanted}:`);
}

function linesOf(names: readonly string[], sent: readonly Sample[], received: readonly Sample[]): Line[] {
  const both = new Map(received.map((sample) => [lineOf(names, sample.labels), sample.value]));
  const lines = sent.map((sample) => {
    const key = lineOf(names, sample.labels);
    return { key, sentBytes: sample.value, receivedBytes: both.get(key) ?? NaN };
  });
  return summed(lines.filter(({ sentBytes, receivedBytes }) => sentBytes + receivedBytes !== 0));
}

function lineOf(names: readonly string[], labels: Labels): string {
  return names.flatMap((name) => (labels[name] ? [`${name}=${labels[name]}`] : [])).join(' ');
}

function summed(of: readonly (CountedBytes & { key: string })[]): Line[] {
  const sums = new Map<string, CountedBytes>();
  for (const { key, sentBytes, receivedBytes } of of) {
    const before = sums.get(key) ?? { sentBytes: 0, receivedBytes: 0 };
    sums.set(key, {
      sentBytes: before.sentBytes + sentBytes,
      receivedBytes: before.receivedBytes + receivedBytes,
    });
  }
  const line = ([key, bytes]: [string, CountedBytes]): Line =>
    `${key}: sent ${bytes.sentBytes}, received ${bytes.receivedBytes}`;
  return [...sums].map(line).sort();
}
