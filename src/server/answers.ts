import { once } from 'node:events';
import type { Socket } from 'node:net';

/** Younger ones may still be read as fast as can be. */
const YOUNG_MS = 1_000;

interface Answer {
  readonly socket: Socket;
  readonly sinceMs: number;
}

/** Pages that are being read, the longest under way first. Bounded by the connections of the server. */
export class Answers {
  readonly #open = new Set<Answer>();

  /** @param nowMs of a clock that never goes back @returns call it when nothing of the page is read any more */
  add(socket: Socket, nowMs: number): () => void {
    const answer = { socket, sinceMs: nowMs };
    this.#open.add(answer);
    return () => this.#open.delete(answer);
  }

  /**
   * Ends the connection whose reader has been at his page for longest: what he holds, others need.
   * @returns false: all are young, or there is none; else true, when what he held is given back
   */
  async cutSlowest(nowMs: number): Promise<boolean> {
    for (const { socket, sinceMs } of this.#open) {
      if (socket.destroyed) continue;
      if (nowMs - sinceMs < YOUNG_MS) return false;
      socket.destroy();
      await once(socket, 'close');
      return true;
    }
    return false;
  }
}
