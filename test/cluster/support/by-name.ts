import type { TestAgent } from '../../support/agent.ts';
import type { Page } from '../../support/page.ts';

/** Bytes of both directions between two addresses, by what the page calls the other end; '' where it has no name. */
export type ByName = Readonly<Record<string, number>>;

/** @param remote an address without port */
export function byName(page: Page, source: string, remote: string): ByName {
  const sums: Record<string, number> = {};
  const start = remote.includes(':') ? `[${remote}]:` : `${remote}:`;
  for (const metric of ['bytes_sent', 'bytes_recv']) {
    for (const { labels, value } of page.find(metric, { source_address: source })) {
      const at = labels['destination_address'] ?? '';
      if (at !== remote && !at.startsWith(start)) continue;
      const name = labels['destination_name'] ?? '';
      if (value > 0) sums[name] = (sums[name] ?? 0) + value;
    }
  }
  return sums;
}

/** The names of all pages from start() to stop(), so that one that was wrong for a moment is seen. */
export class NameWatch {
  readonly seen: ByName[] = [];
  readonly #agent: TestAgent;
  readonly #source: string;
  readonly #remote: string;
  #running = true;
  readonly #ended: Promise<void>;

  constructor(agent: TestAgent, source: string, remote: string) {
    this.#agent = agent;
    this.#source = source;
    this.#remote = remote;
    this.#ended = this.#run();
  }

  async stop(): Promise<void> {
    this.#running = false;
    await this.#ended;
  }

  /** Pages that had more bytes on these names than there were. */
  wrong(most: ByName): ByName[] {
    return this.seen.filter((page) =>
      Object.entries(page).some(([name, bytes]) => name !== '' && bytes > (most[name] ?? 0)),
    );
  }

  async #run(): Promise<void> {
    while (this.#running) {
      this.seen.push(byName(await this.#agent.rawPage(), this.#source, this.#remote));
      await new Promise((resolve) => setTimeout(resolve, 150));
    }
  }
}
