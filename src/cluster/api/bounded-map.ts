/** A Map of at most so many entries: the one that was set the longest ago goes first. */
export class BoundedMap<K, V> {
  readonly #limit: number;
  readonly #map = new Map<K, V>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#map.size;
  }

  get(key: K): V | undefined {
    return this.#map.get(key);
  }

  set(key: K, value: V): void {
    this.#map.delete(key);
    this.#map.set(key, value);
    if (this.#map.size <= this.#limit) return;
    const [oldest] = this.#map.keys();
    this.#map.delete(oldest as K);
  }

  delete(key: K): void {
    this.#map.delete(key);
  }
}
