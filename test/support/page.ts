/** One line of a page. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

// A label may hold a carriage return, which ends no line here.
const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/s;
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g;

function unescape(text: string): string {
  return text.replace(/\\(.)/g, (_, char: string) => (char === 'n' ? '\n' : char));
}

/** A page in the text format, read by a reader of its own. */
export class Page {
  readonly text: string;
  readonly samples: readonly Sample[];

  constructor(text: string) {
    this.text = text;
    this.samples = text
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => {
        const [, name, labels = '', value] = LINE.exec(line) ?? [];
        if (name === undefined || value === undefined) throw new Error(`no sample: ${line}`);
        const pairs = [...labels.matchAll(LABEL)].map(
          (match) => [match[1] ?? '', unescape(match[2] ?? '')] as const,
        );
        return { name, labels: Object.fromEntries(pairs), value: Number(value) };
      });
  }

  /** The samples of a metric whose labels have these values. */
  find(name: string, labels: Readonly<Record<string, string>> = {}): Sample[] {
    return this.samples.filter(
      (sample) =>
        sample.name === name &&
        Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
    );
  }

  /** The value of the one sample that matches. Throws if there is not exactly one. */
  value(name: string, labels: Readonly<Record<string, string>> = {}): number {
    const [sample, ...more] = this.find(name, labels);
    if (!sample || more.length > 0)
      throw new Error(`${name} ${JSON.stringify(labels)}: ${more.length + (sample ? 1 : 0)} samples`);
    return sample.value;
  }

  sum(name: string, labels: Readonly<Record<string, string>> = {}): number {
    return this.find(name, labels).reduce((sum, sample) => sum + sample.value, 0);
  }

  /**
   * What the page says of the traffic of `source` with `remote` (addresses without ports), over all its series. With a
   * port: only of series whose destination has it.
   */
  pair(source: string, remote: string, port?: number): PairSums {
    const of = (name: string): number =>
      this.find(name, { source_address: source })
        .filter(({ labels }) => isRemote(labels['destination_address'] ?? '', remote, port))
        .reduce((sum, sample) => sum + sample.value, 0);
    return {
      sentBytes: of('bytes_sent'),
      receivedBytes: of('bytes_recv'),
      active: of('active_connections'),
    };
  }
}

export interface PairSums {
  readonly sentBytes: number;
  readonly receivedBytes: number;
  readonly active: number;
}

function isRemote(destination: string, remote: string, port: number | undefined): boolean {
  const withPort = remote.includes(':') ? `[${remote}]:` : `${remote}:`;
  if (port !== undefined) return destination === `${withPort}${port}`;
  return destination === remote || destination.startsWith(withPort);
}
