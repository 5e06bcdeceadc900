/** Addresses that are remembered between two looks. Over it the answer is "all". */
const MAX_CHANGES = 16_384;

/** Addresses whose answers may have changed since the last look. */
export interface ChangedAddresses {
  readonly addresses: ReadonlySet<string>;
  /** Any may have changed. */
  readonly all: boolean;
}

export class Changes {
  #addresses = new Set<string>();
  #all = false;

  get size(): number {
    return this.#addresses.size;
  }

  mark(address: string): void {
    if (this.#all) return;
    this.#addresses.add(address);
    if (this.#addresses.size > MAX_CHANGES) this.markAll();
  }

  markAll(): void {
    this.#all = true;
    this.#addresses.clear();
  }

  take(): ChangedAddresses {
    const taken = { addresses: this.#addresses, all: this.#all };
    this.#addresses = new Set();
    this.#all = false;
    return taken;
  }
}
