import { setTimeout as sleep } from 'node:timers/promises';
import { type Clock, systemClock } from '../../util/clock.ts';
import type { OwnerRef } from '../objects/records.ts';
import type { ApiClient } from './api-client.ts';
import { ApiError, asApiError, type ApiErrorKind } from './api-error.ts';
import { Backoff } from './backoff.ts';
import { BoundedMap } from './bounded-map.ts';
import { KindPaths, versionPath } from './kind-paths.ts';
import { type OwnerAnswer, ownerOf } from './owner-of.ts';
import { TokenBucket } from './token-bucket.ts';

/** Owners that are known: a Deployment of a 10,000 pod cluster has a few ReplicaSets. About 300 B each. */
const MAX_KNOWN = 20_000;
/** Owners to be asked for; more are turned away, and asked for again when they are wanted again. */
const MAX_WAITING = 10_000;
/** Requests at once and a second: the whole of a big node's pods within seconds, a cluster's within minutes. */
const BURST = 50;
const PER_SECOND = 10;
/** An owner that could not be read is asked for again after so long: it may have been created, or allowed, since. */
const UNKNOWN_AGAIN_MS = 600_000;
/** A kind that we may not read is not asked for again for so long, whichever the object. */
const MAX_FORBIDDEN_KINDS = 256;
const FORBIDDEN_AGAIN_MS = 60_000;
const ATTEMPTS = 5;

export interface OwnerFetcherOptions {
  readonly clock?: Clock;
  readonly random?: () => number;
  /** Requests a second, and at once before that. */
  readonly perSecond?: number;
  readonly burst?: number;
  /** Of the wait after a failure. */
  readonly backoffBaseMs?: number;
  /** An owner has become known, or is known not to be readable (null). Not called within get(). */
  readonly onAnswer?: (owner: OwnerRef, answer: OwnerAnswer | null) => void;
}

type Known = { readonly answer: OwnerAnswer } | { readonly answer: null; readonly untilMs: number };

interface Wanted {
  readonly ref: OwnerRef;
  readonly namespace: string;
  attempts: number;
}

/** Counts for metrics and /readyz. */
export interface OwnerFetcherState {
  readonly known: number;
  readonly waiting: number;
  readonly requests: number;
  readonly turnedAway: number;
  readonly errors: ReadonlyMap<ApiErrorKind, number>;
  /** The last thing that went wrong and has not gone well since; null: nothing. */
  readonly problem: string | null;
}

/**
 * Finds the owners of owners (ReplicaSet -> Deployment), by one metadata GET each, when they are wanted: one request at a
 * time, at most ten a second, kept by UID. Owner references of an object are as good as constant.
 */
export class OwnerFetcher {
  readonly #client: ApiClient;
  readonly #options: OwnerFetcherOptions;
  readonly #clock: Clock;
  readonly #kinds: KindPaths;
  readonly #bucket: TokenBucket;
  readonly #backoff: Backoff;
  /** By UID; the oldest goes. */
  readonly #known = new BoundedMap<string, Known>(MAX_KNOWN);
  /** By UID, in the order that they were asked for. At most MAX_WAITING. */
  readonly #waiting = new Map<string, Wanted>();
  /** `apps/v1 ReplicaSet` to when to try again; the oldest goes. */
  readonly #forbidden = new BoundedMap<string, number>(MAX_FORBIDDEN_KINDS);
  readonly #errors = new Map<ApiErrorKind, number>();
  readonly #stop = new AbortController();
  #running: Promise<void> | null = null;
  #requests = 0;
  #turnedAway = 0;
  #problem: string | null = null;

  constructor(client: ApiClient, options: OwnerFetcherOptions = {}) {
    this.#client = client;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#kinds = new KindPaths(client, this.#clock);
    const { perSecond = PER_SECOND, burst = BURST, backoffBaseMs: baseMs = 1_000 } = options;
    this.#bucket = new TokenBucket(perSecond, burst, this.#clock.tsMonoMs());
    this.#backoff = new Backoff({ baseMs, capMs: 30 * baseMs, random: options.random ?? Math.random });
  }

  /**
   * What is known now of the owner's own owner; null: nothing yet, or it cannot be read. Asks for it in the background
   * where it may become known. Never waits.
   * @param namespace of the object that `ref` stands in
   */
  get(ref: OwnerRef, namespace: string): OwnerAnswer | null {
    const known = this.#known.get(ref.uid);
    if (known?.answer) return known.answer;
    if (this.#mayBecomeKnown(ref, known)) this.#want(ref, namespace);
    return null;
  }

  /** Whether an answer is still to come. */
  pending(uid: string): boolean {
    return this.#waiting.has(uid);
  }

  get state(): OwnerFetcherState {
    return {
      known: this.#known.size,
      waiting: this.#waiting.size,
      requests: this.#requests,
      turnedAway: this.#turnedAway,
      errors: this.#errors,
      problem: this.#problem,
    };
  }

  /** Ends the request under way, and asks no more. */
  async stop(): Promise<void> {
    this.#stop.abort(new ApiError('ended', 'stopped'));
    this.#waiting.clear();
    await this.#running;
  }

  #mayBecomeKnown(ref: OwnerRef, known: Known | undefined): boolean {
    if (this.#stop.signal.aborted || this.#waiting.has(ref.uid)) return false;
    const nowMs = this.#clock.tsMonoMs();
    if (known?.answer === null && nowMs < known.untilMs) return false;
    return nowMs >= (this.#forbidden.get(`${ref.apiVersion} ${ref.kind}`) ?? 0);
  }

  #want(ref: OwnerRef, namespace: string): void {
    if (this.#waiting.size >= MAX_WAITING) {
      this.#turnedAway++;
      return;
    }
    this.#waiting.set(ref.uid, { ref, namespace, attempts: 0 });
    this.#running ??= this.#run().finally(() => (this.#running = null));
  }

  async #run(): Promise<void> {
    for (;;) {
      const [wanted] = this.#waiting.values();
      if (wanted === undefined) return;
      await this.#wait(this.#bucket.take(this.#clock.tsMonoMs()));
      if (this.#stop.signal.aborted) return;
      await this.#answer(wanted);
    }
  }

  async #answer(wanted: Wanted): Promise<void> {
    const { ref } = wanted;
    try {
      const answer = await this.#ask(wanted);
      this.#backoff.reset();
      this.#problem = null;
      this.#settle(ref, answer);
    } catch (thrown) {
      if (!this.#stop.signal.aborted) await this.#failed(wanted, asApiError(thrown));
    }
  }

  /** Null: there is no such object any more. */
  async #ask({ ref, namespace }: Wanted): Promise<OwnerAnswer | null> {
    // a Node owns its static pods, and nothing owns a Node
    if (ref.apiVersion === 'v1' && ref.kind === 'Node') return { ownerOfOwner: null };
    this.#requests++;
    const place = await this.#kinds.find(ref.apiVersion, ref.kind, this.#stop.signal);
    if (place === null) return null;
    const within = place.namespaced ? `/namespaces/${encodeURIComponent(namespace)}` : '';
    return ownerOf(
      await this.#client.json({
        path: `${versionPath(ref.apiVersion)}${within}/${place.plural}/${encodeURIComponent(ref.name)}`,
        verb: 'get',
        accept: 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1',
        signal: this.#stop.signal,
      }),
      ref.uid,
    );
  }

  #settle(ref: OwnerRef, answer: OwnerAnswer | null): void {
    this.#waiting.delete(ref.uid);
    const untilMs = this.#clock.tsMonoMs() + UNKNOWN_AGAIN_MS;
    this.#known.set(ref.uid, answer === null ? { answer, untilMs } : { answer });
    this.#options.onAnswer?.(ref, answer);
  }

  async #failed(wanted: Wanted, error: ApiError): Promise<void> {
    const { ref } = wanted;
    this.#errors.set(error.kind, (this.#errors.get(error.kind) ?? 0) + 1);
    if (error.kind === 'not_found') return this.#settle(ref, null);
    this.#problem = error.message;
    if (error.kind === 'forbidden') return this.#forbid(ref);
    this.#waiting.delete(ref.uid);
    if (++wanted.attempts >= ATTEMPTS || error.kind === 'garbled' || error.kind === 'too_large') {
      this.#settle(ref, null);
    } else {
      this.#waiting.set(ref.uid, wanted); // behind the others
    }
    await this.#wait(Math.max(this.#backoff.nextMs(), error.retryAfterMs ?? 0));
  }

  /** One refusal is that of all objects of the kind. */
  #forbid({ apiVersion, kind }: OwnerRef): void {
    this.#forbidden.set(`${apiVersion} ${kind}`, this.#clock.tsMonoMs() + FORBIDDEN_AGAIN_MS);
    for (const { ref } of this.#waiting.values()) {
      if (ref.apiVersion !== apiVersion || ref.kind !== kind) continue;
      this.#waiting.delete(ref.uid);
      this.#options.onAnswer?.(ref, null);
    }
  }

  async #wait(ms: number): Promise<void> {
    if (ms > 0) await sleep(ms, undefined, { signal: this.#stop.signal }).catch(() => undefined);
  }
}
