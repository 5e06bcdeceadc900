/**
 * Chunks handed out before the event loop gets its turn: a reader on the same machine can take them as fast as they
 * come, without ever making the socket wait, and 50 MB at one go would hold the loop for 20 ms.
 */
const CHUNKS_PER_TURN = 4;

/** Bytes to answer with, that several responses may send at once. Whoever is given one releases it once. */
export class SharedBody {
  readonly chunks: readonly Uint8Array<ArrayBuffer>[];
  readonly byteLength: number;
  readonly #onLast: () => void;
  #holders: number;

  /** `onLast` is called when the last of the `holders` has released it. */
  constructor(
    body: { chunks: readonly Uint8Array<ArrayBuffer>[]; byteLength: number },
    holders: number,
    onLast: () => void,
  ) {
    this.chunks = body.chunks;
    this.byteLength = body.byteLength;
    this.#holders = holders;
    this.#onLast = onLast;
  }

  /** The bytes are not read any more by this holder. */
  release(): void {
    if (--this.#holders === 0) this.#onLast();
  }

  /** The bytes as a stream that hands out one chunk when asked for one. */
  stream(): ReadableStream<Uint8Array<ArrayBuffer>> {
    const { chunks } = this;
    let next = 0;
    return new ReadableStream(
      {
        async pull(controller) {
          if (next > 0 && next % CHUNKS_PER_TURN === 0) await new Promise((resolve) => setImmediate(resolve));
          const chunk = chunks[next++];
          if (chunk === undefined) controller.close();
          else controller.enqueue(chunk);
        },
      },
      { highWaterMark: 0 },
    );
  }
}
