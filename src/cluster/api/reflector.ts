import { setTimeout as sleep } from 'node:timers/promises';
import { type Clock, systemClock } from '../../util/clock.ts';
import { inSlices } from '../../util/slices.ts';
import type { ApiClient, Connection } from './api-client.ts';
import { ApiError, type ApiErrorKind, asApiError } from './api-error.ts';
import { Failures } from './failures.ts';
import { KnownObjects } from './known-objects.ts';
import { pagedList } from './paged-list.ts';
import type { ReflectorSink } from './reflector-sink.ts';
import type { ReflectorState } from './reflector-state.ts';
import { REFLECTOR_TIMINGS, type ReflectorTimings } from './reflector-timings.ts';
import { resourceOf, resourceText } from './resource.ts';
import type { WatchEvent } from './watch-event.ts';
import { watchOnce } from './watch-once.ts';

export type { ReflectorSink } from './reflector-sink.ts';

export interface ReflectorOptions {
  readonly clock?: Clock;
  /** From 0 to below 1. */
  readonly random?: () => number;
  readonly timings?: Partial<ReflectorTimings>;
}

/** Which objects: a path such as /api/v1/pods, and selectors (fieldSelector, labelSelector). */
export interface ReflectorResource {
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
}

/** What a server says that has no streaming lists, or has them switched off (422), or does not know the parameters. */
const NO_STREAMING: ReadonlySet<ApiErrorKind> = new Set(['refused', 'not_found']);
/** Watches in turn that the server answers, and that tell nothing: then the set is listed anew. */
const MAX_DUMB_WATCHES = 5;

/**
 * Keeps a set of objects the same as the server's: a list, streamed or in pages, then a watch with bookmarks, for ever.
 *
 * A watch that ends goes on from the last version it told. Where the server no longer has that version (410), or what it
 * tells cannot be read, the set is listed anew, and the list told as a difference: an object is removed only when a
 * complete list, or the watch, shows that it is gone. Whatever fails is tried again, with a wait that grows.
 *
 * All times are of the monotonic clock. The list is asked for without a version, so it is never older than what we had.
 */
export class Reflector<T> {
  readonly #client: ApiClient;
  readonly #resource: ReflectorResource;
  readonly #name: string;
  readonly #objects: KnownObjects<T>;
  readonly #sink: ReflectorSink<T>;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #timings: ReflectorTimings;
  readonly #failures: Failures;
  readonly #connection: Connection;
  readonly #stop = new AbortController();
  #running: Promise<void> | null = null;
  #phase: ReflectorState['phase'] = 'waiting';
  #synced = false;
  #heardMs: number | null = null;
  #listMs: number | null = null;
  #lists = 0;
  #watches = 0;
  /** Where the next watch goes on; null: list first. */
  #version: string | null = null;
  /** No streaming list before that: the server refused one. */
  #pagesUntilMs = 0;
  /** The list under way is a streaming one. */
  #streams = false;
  /** Streaming lists in turn that did not come to their end. */
  #brokenStreams = 0;
  /** Watches in turn that told nothing. */
  #dumbWatches = 0;

  /**
   * @param project what is kept of an object, of its metadata.uid; null: nothing. The rest is dropped at once
   */
  constructor(
    client: ApiClient,
    resource: ReflectorResource,
    project: (raw: unknown) => T | null,
    sink: ReflectorSink<T>,
    options: ReflectorOptions = {},
  ) {
    this.#client = client;
    this.#resource = resource;
    this.#name = resourceText(resourceOf(resource.path) ?? { group: '', plural: resource.path });
    this.#objects = new KnownObjects(project, sink);
    this.#sink = sink;
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? Math.random;
    this.#timings = { ...REFLECTOR_TIMINGS, ...options.timings };
    this.#failures = new Failures(this.#timings, this.#random);
    this.#connection = client.connect();
  }

  /** Begins, and goes on until stop(). Never fails. */
  start(): void {
    this.#running ??= this.#run();
  }

  /** Ends it. After that the sink is told nothing. */
  async stop(): Promise<void> {
    this.#stop.abort(new ApiError('ended', 'stopped'));
    this.#client.disconnect(this.#connection);
    await this.#running;
    this.#phase = 'stopped';
  }

  get state(): ReflectorState {
    const errors = new Map(this.#failures.byKind);
    if (this.#objects.misunderstood > 0) errors.set('projection', this.#objects.misunderstood);
    const { problem } = this.#failures;
    return {
      resource: this.#name,
      phase: this.#phase,
      synced: this.#synced,
      heardAgoMs: this.#heardMs === null ? null : this.#clock.tsMonoMs() - this.#heardMs,
      objects: this.#objects.size,
      lists: this.#lists,
      restarts: Math.max(0, this.#watches - 1),
      errors,
      leftOut: this.#objects.leftOut,
      problem: problem === null ? null : `${this.#name}: ${problem.message}`,
      problemKind: problem?.kind ?? null,
    };
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const fromMs = this.#clock.tsMonoMs();
      try {
        if (this.#version === null) await this.#list();
        else await this.#watch({ resourceVersion: this.#version });
      } catch (thrown) {
        if (signal.aborted) break;
        await this.#wait(this.#failed(asApiError(thrown), this.#clock.tsMonoMs() - fromMs));
      }
    }
  }

  /** What is to be done about it; answers how long to wait before. */
  #failed(error: ApiError, livedMs: number): number {
    const phase = this.#phase;
    this.#phase = 'waiting';
    if (this.#synced) this.#sink.lost(this.#clock.tsMonoMs() - (this.#heardMs ?? 0));
    if (phase === 'listing') {
      if (this.#streams && NO_STREAMING.has(error.kind)) {
        // not a failure: this server lists in pages
        this.#pagesUntilMs = this.#clock.tsMonoMs() + this.#timings.streamingAgainMs;
        return 0;
      }
      this.#brokenStreams = this.#streams ? this.#brokenStreams + 1 : 0;
    } else {
      if (livedMs >= this.#timings.stableMs) this.#failures.stable();
      if (this.#isDumb(error, livedMs)) this.#dumbWatches++;
      if (error.kind === 'gone' || error.kind === 'too_large' || this.#dumbWatches >= MAX_DUMB_WATCHES) {
        this.#version = null;
      }
    }
    return this.#failures.add(error);
  }

  /**
   * Whether the failure may be due to what was asked for: a version that the server never had (its etcd was restored), an
   * event that cannot be read. A server that is away, busy or starting is not: its clients must not all list when it is
   * back.
   */
  #isDumb({ kind, status }: ApiError, livedMs: number): boolean {
    if (kind === 'ended') return livedMs < this.#timings.stableMs;
    if (kind === 'server') return status !== 502 && status !== 503;
    return kind === 'garbled' || kind === 'refused' || kind === 'silent';
  }

  async #wait(ms: number): Promise<void> {
    if (ms <= 0) return;
    await sleep(ms, undefined, { signal: this.#stop.signal }).catch(() => undefined);
  }

  async #list(): Promise<void> {
    const nowMs = this.#clock.tsMonoMs();
    if (this.#listMs !== null) await this.#wait(this.#listMs + this.#timings.relistMs - nowMs);
    this.#stop.signal.throwIfAborted();
    this.#phase = 'listing';
    // Streaming lists are easier on the server. Where two in turn were cut, pages are smaller steps.
    this.#streams = this.#clock.tsMonoMs() >= this.#pagesUntilMs && this.#brokenStreams < 2;
    if (this.#streams) await this.#watch({ sendInitialEvents: 'true', resourceVersionMatch: 'NotOlderThan' });
    else await this.#pages();
  }

  async #pages(): Promise<void> {
    const { path, query = {} } = this.#resource;
    const version = await pagedList({
      client: this.#client,
      connection: this.#connection,
      path,
      query,
      signal: this.#stop.signal,
      begin: () => this.#beginList(),
      item: (raw) => {
        this.#heard();
        this.#objects.upsert(raw);
      },
    });
    await this.#listed(version);
  }

  async #watch(from: Readonly<Record<string, string>>): Promise<void> {
    const { path, query = {} } = this.#resource;
    const { silenceMs, overdueMs, ...timings } = this.#timings;
    const lists = this.#phase === 'listing';
    // spread, so that the watches of all agents do not end together
    const watchMs = (lists ? timings.listWatchMs : timings.watchMs) * (1 + this.#random());
    await watchOnce({
      client: this.#client,
      connection: this.#connection,
      path,
      query: { ...query, ...from },
      signal: this.#stop.signal,
      watchMs,
      silenceMs: Math.min(silenceMs, watchMs + overdueMs),
      lists,
      opened: () => this.#opened(),
      event: (event) => this.#event(event),
    });
    if (this.#phase === 'listing') throw new ApiError('ended', 'the list ended in the middle');
    this.#heard(); // that the server keeps the time
    this.#failures.stable();
  }

  #opened(): void {
    if (this.#phase === 'listing') return this.#beginList();
    this.#phase = 'watching';
    this.#watches++;
    // after a silent one, that it answers proves nothing
    if (this.#failures.problem?.kind !== 'silent') this.#failures.healed();
  }

  #event({ type, object, endsList }: WatchEvent): void | Promise<void> {
    this.#heard();
    const { uid, resourceVersion } = object.metadata;
    if (type === 'DELETED') this.#objects.remove(uid);
    else if (type !== 'BOOKMARK') this.#objects.upsert(object);
    if (this.#phase !== 'listing') this.#version = resourceVersion;
    else if (endsList) {
      this.#watches++;
      return this.#listed(resourceVersion);
    }
  }

  #heard(): void {
    this.#heardMs = this.#clock.tsMonoMs();
    this.#dumbWatches = 0;
    this.#failures.healed();
  }

  #beginList(): void {
    this.#listMs = this.#clock.tsMonoMs();
    this.#objects.beginList();
  }

  /** The list is complete. */
  async #listed(version: string): Promise<void> {
    const { signal } = this.#stop;
    const steps = this.#objects.endList();
    await inSlices({ next: () => (signal.aborted ? { done: true, value: undefined } : steps.next()) });
    signal.throwIfAborted();
    this.#heard();
    this.#version = version;
    this.#phase = 'watching';
    this.#synced = true;
    this.#lists++;
    this.#brokenStreams = 0;
  }
}
