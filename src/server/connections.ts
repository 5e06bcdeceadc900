import type { Socket } from 'node:net';
import type { Refusal } from './refusal.ts';

/** At the same time. A node has a scraper or two, kubelet, and people. */
const CONNECTIONS_MAX = 256;

/**
 * The connections of the server, of which there are only so many. Whoever comes when there is no room takes the place of the
 * one that has waited for longest without a whole request: so requests that are begun and never ended keep nobody out, a
 * probe of kubelet for one.
 */
export class Connections {
  /** Without a request under way, the longest first. */
  readonly #waiting = new Set<Socket>();
  /** How many requests of each are under way. */
  readonly #answering = new Map<Socket, number>();
  readonly #onRefused: (reason: Refusal) => void;

  /** @param onRefused told of each that found no place (`connections`) and of each that made room (`idle`) */
  constructor(onRefused: (reason: Refusal) => void) {
    this.#onRefused = onRefused;
  }

  /** A new one, which is ended at once where all others are being answered. */
  add(socket: Socket): void {
    if (this.#waiting.size + this.#answering.size >= CONNECTIONS_MAX && !this.#makeRoom()) {
      this.#onRefused('connections');
      socket.destroy();
      return;
    }
    this.#waiting.add(socket);
    socket.once('close', () => {
      this.#waiting.delete(socket);
      this.#answering.delete(socket);
    });
  }

  /** A whole request has come. */
  asked(socket: Socket): void {
    this.#waiting.delete(socket);
    this.#answering.set(socket, (this.#answering.get(socket) ?? 0) + 1);
  }

  /** The answer to a request is sent, or given up. */
  answered(socket: Socket): void {
    const left = this.#answering.get(socket);
    if (left === undefined) return; // it is closed
    if (left > 1) {
      this.#answering.set(socket, left - 1);
      return;
    }
    this.#answering.delete(socket);
    this.#waiting.add(socket);
  }

  #makeRoom(): boolean {
    const [first] = this.#waiting;
    if (first === undefined) return false;
    this.#onRefused('idle');
    this.#waiting.delete(first);
    first.destroy();
    return true;
  }
}
