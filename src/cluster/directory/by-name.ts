/** What a named object is to be told from others of its name by. */
interface Named {
  readonly removed: boolean;
  readonly record: { readonly createdMs: number };
}

/**
 * Objects by name. One that is made anew under the same name may be told before the end of the older one is: then there
 * are two for a while. As many as are kept.
 */
export class ByName<E extends Named> {
  readonly #entries = new Map<string, E | E[]>();

  add(name: string, entry: E): void {
    const there = this.all(name);
    if (there.includes(entry)) return;
    this.#entries.set(name, there.length === 0 ? entry : [...there, entry]);
  }

  delete(name: string, entry: E): void {
    const left = this.all(name).filter((other) => other !== entry);
    if (left.length === 0) this.#entries.delete(name);
    else this.#entries.set(name, left);
  }

  /** All of that name, also those that were removed. */
  all(name: string): readonly E[] {
    const there = this.#entries.get(name);
    if (there === undefined) return [];
    return Array.isArray(there) ? there : [there];
  }

  /** The newest that is there; else the newest that was. */
  newest(name: string): E | undefined {
    const there = this.#entries.get(name);
    if (!Array.isArray(there)) return there;
    let newest: E | undefined;
    for (const entry of there) if (newest === undefined || isNewer(entry, newest)) newest = entry;
    return newest;
  }
}

function isNewer<E extends Named>(a: E, b: E): boolean {
  if (a.removed !== b.removed) return b.removed;
  return a.record.createdMs >= b.record.createdMs;
}
