import { ChunkPool } from '../expose/chunk-pool.ts';
import type { Group } from '../expose/metric.ts';
import type { Format, Pacer, Page } from '../expose/page.ts';
import { writePage } from '../expose/write-page.ts';
import { eventLoop } from '../util/turns.ts';
import type { AgentPort } from './agent-port.ts';
import { gzipPage } from './gzip.ts';
import { SharedBody } from './shared-body.ts';

/** Bytes of pages that are not sent yet. Over it no new page is begun, so the most is this and one page. */
const MAX_HELD_BYTES = 64 * 2 ** 20;

export type Encoding = 'gzip' | 'identity';

/** What a page cost. */
export interface PageStatistics {
  /** From asking for the blocks to the last byte; compression is not in it. */
  readonly seconds: number;
  readonly samples: number;
  readonly bytes: number;
}

/** Scrapers read too slowly: there is no room for one more page. */
export class Busy extends Error {}

const loopPacer: Pacer = {
  nowMs: () => performance.now(),
  pause: () => eventLoop.next(),
};

/** A body that is being made, and how many wait for it. */
interface Flight {
  holders: number;
  readonly made: Promise<SharedBody>;
}

/**
 * Makes pages, one at a time: requests for the same page while it is made share it, requests for another one wait.
 * Memory of pages that are sent is used again.
 */
export class PageMaker {
  readonly #port: AgentPort;
  readonly #onPage: (statistics: PageStatistics) => void;
  readonly #pool = new ChunkPool();
  /** Bounded by what can be asked for: 7 sets of groups x 3 formats x 2 encodings. */
  readonly #flights = new Map<string, Flight>();
  #lastRender: Promise<unknown> = Promise.resolve();
  #heldBytes = 0;

  constructor(port: AgentPort, onPage: (statistics: PageStatistics) => void = () => {}) {
    this.#port = port;
    this.#onPage = onPage;
  }

  /** The page as bytes to send; the caller releases them. Errors: Busy, and whatever the port throws. */
  get(groups: ReadonlySet<Group>, format: Format, encoding: Encoding): Promise<SharedBody> {
    const key = `${[...groups].toSorted().join()} ${format} ${encoding}`;
    const running = this.#flights.get(key);
    if (running !== undefined) {
      running.holders++;
      return running.made;
    }
    const make = async (): Promise<SharedBody> => {
      try {
        const body =
          encoding === 'gzip' ? await this.#gzip(groups, format) : await this.#render(groups, format);
        this.#heldBytes += body.byteLength;
        return new SharedBody(body, flight.holders, () => {
          this.#heldBytes -= body.byteLength;
          body.done();
        });
      } finally {
        this.#flights.delete(key);
      }
    };
    const flight: Flight = { holders: 1, made: Promise.resolve().then(make) };
    this.#flights.set(key, flight);
    return flight.made;
  }

  /** Bytes of pages that some response still sends. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  async #gzip(groups: ReadonlySet<Group>, format: Format) {
    const page = await this.get(groups, format, 'identity');
    try {
      return { ...(await gzipPage(page)), done: () => {} };
    } finally {
      page.release();
    }
  }

  async #render(groups: ReadonlySet<Group>, format: Format) {
    const turn = this.#lastRender.then(() => this.#renderNow(groups, format));
    this.#lastRender = turn.catch(() => {}); // told to those who asked; the next page is tried all the same
    const page = await turn;
    return { chunks: page.chunks, byteLength: page.byteLength, done: () => this.#pool.give(page.chunks) };
  }

  async #renderNow(groups: ReadonlySet<Group>, format: Format): Promise<Page> {
    if (this.#heldBytes > MAX_HELD_BYTES) throw new Busy('pages that were asked for are not read yet');
    const startMs = loopPacer.nowMs();
    const blocks = await this.#port.blocks(groups);
    // From here each slice is in a turn of its own: without it the first two share the turn that read the request.
    await loopPacer.pause();
    const page = await writePage(blocks, format, this.#pool, loopPacer);
    const seconds = (loopPacer.nowMs() - startMs) / 1000;
    this.#onPage({ seconds, samples: page.samples, bytes: page.byteLength });
    return page;
  }
}
