import type { ReflectorSink } from './reflector-sink.ts';
import type { RawObject } from './watch-event.ts';

/** Five times the largest cluster that Kubernetes is tested for (150,000 pods): about 100 B each here. */
const MAX_OBJECTS = 750_000;

/**
 * Which objects the sink has, so that a list can be told to it as a difference. Each list is a generation: what was not
 * seen in it is gone. A list that fails half way removes nothing.
 */
export class KnownObjects<T> {
  readonly #project: (raw: unknown) => T | null;
  readonly #sink: ReflectorSink<T>;
  /** UID to the list it was last seen in or behind. At most MAX_OBJECTS; more are left out and counted. */
  readonly #generations = new Map<string, number>();
  #generation = 0;
  /** Objects that were left out because there were too many. */
  leftOut = 0;
  /** Objects that the projection threw at. */
  misunderstood = 0;

  constructor(project: (raw: unknown) => T | null, sink: ReflectorSink<T>) {
    this.#project = project;
    this.#sink = sink;
  }

  get size(): number {
    return this.#generations.size;
  }

  /** A list begins, or begins again. */
  beginList(): void {
    this.#generation++;
  }

  /** The list is complete: what was not in it goes, step by step; at the end of the steps the sink is synced. */
  *endList(): Generator<undefined, void> {
    for (const [uid, generation] of this.#generations) {
      if (generation !== this.#generation) this.remove(uid);
      yield;
    }
    this.#sink.synced();
  }

  /** The object is as `raw` says. One that the projection leaves out, or throws at, is removed: unknown before wrong. */
  upsert(raw: RawObject): void {
    const { uid } = raw.metadata;
    const object = this.#projected(raw);
    if (object === null) return this.remove(uid);
    if (!this.#generations.has(uid) && this.#generations.size >= MAX_OBJECTS) {
      this.leftOut++;
      return;
    }
    this.#generations.set(uid, this.#generation);
    this.#sink.upsert(object);
  }

  remove(uid: string): void {
    if (this.#generations.delete(uid)) this.#sink.remove(uid);
  }

  #projected(raw: RawObject): T | null {
    try {
      return this.#project(raw);
    } catch {
      this.misunderstood++;
      return null;
    }
  }
}
