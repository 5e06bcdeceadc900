import type { Clock } from '../util/clock.ts';
import type { ApiConfig } from './api/api-config.ts';
import { ApiClient } from './api/api-client.ts';
import { OwnerFetcher } from './api/owner-fetcher.ts';
import { Reflector } from './api/reflector.ts';
import type { ReflectorTimings } from './api/reflector-timings.ts';
import type { ReflectorState } from './api/reflector-state.ts';
import { Directory } from './directory/directory.ts';
import type { DirectorySink } from './directory/sink.ts';
import { Projections } from './objects/projections.ts';

/** How often the directory is told that watches are whole again. Far below the time that it holds answers back. */
const CHECK_MS = 250;

/** What the agent reads of the API server, owners apart. See ACCESS_RULES. */
export const RESOURCES = {
  pods: '/api/v1/pods',
  services: '/api/v1/services',
  slices: '/apis/discovery.k8s.io/v1/endpointslices',
  nodes: '/api/v1/nodes',
} as const;
type Kind = keyof typeof RESOURCES;

/**
 * Pods are what addresses are given to again, and a watch that stands still without an end would leave one with its old
 * name: each half minute at the most the server has to say that it is there. That is one request without TLS, less than
 * half of what kubelet's lease costs. In the first watch, which has listed, its bookmarks of each minute say so.
 */
const POD_TIMINGS: Partial<ReflectorTimings> = { watchMs: 15_000, silenceMs: 75_000 };

interface Watched {
  readonly reflector: Reflector<unknown>;
  readonly sink: DirectorySink<never>;
}

export interface ClusterWatchOptions {
  /** For User-Agent. */
  readonly version: string;
  /** '' where it is not known: then no container of a pod has a name. */
  readonly nodeName: string;
  readonly clock: Clock;
}

/** Keeps a directory the same as the API server's objects, from start() to stop(). Never fails: problems() tells. */
export class ClusterWatch {
  readonly directory: Directory;
  readonly client: ApiClient;
  readonly owners: OwnerFetcher;
  readonly projections: Projections;
  readonly #watched: Readonly<Record<Kind, Watched>>;
  #timer: NodeJS.Timeout | null = null;
  /** Since when some watch that was whole is not; null: all are. */
  #deafSinceMs: number | null = null;
  readonly #clock: Clock;

  constructor(config: ApiConfig, { version, nodeName, clock }: ClusterWatchOptions) {
    this.#clock = clock;
    this.client = new ApiClient(config, { version });
    this.projections = new Projections({ ownNode: nodeName === '' ? null : nodeName });
    this.owners = new OwnerFetcher(this.client, {
      clock,
      onAnswer: (ref, answer) => {
        if (answer !== null) this.directory.ownerIs(ref.uid, answer.ownerOfOwner);
      },
    });
    this.directory = new Directory({
      clock,
      wantOwner: (ref, namespace) => {
        const answer = this.owners.get(ref, namespace);
        if (answer !== null) this.directory.ownerIs(ref.uid, answer.ownerOfOwner);
      },
    });
    const { pods, services, slices, nodes } = this.directory;
    this.#watched = {
      pods: this.#watch('pods', this.projections.pod, pods),
      services: this.#watch('services', this.projections.service, services),
      slices: this.#watch('slices', this.projections.slice, slices),
      nodes: this.#watch('nodes', this.projections.node, nodes),
    };
  }

  start(): void {
    for (const { reflector } of Object.values(this.#watched)) reflector.start();
    this.#timer = setInterval(() => this.#tellWhole(), CHECK_MS);
    this.#timer.unref();
  }

  async stop(): Promise<void> {
    if (this.#timer) clearInterval(this.#timer);
    await Promise.all(Object.values(this.#watched).map(async ({ reflector }) => reflector.stop()));
    await this.owners.stop();
    this.client.close();
  }

  /** How long news of some kind could not come, of those that have come before; 0: they can. */
  get deafMs(): number {
    return this.#deafSinceMs === null ? 0 : this.#clock.tsMonoMs() - this.#deafSinceMs;
  }

  get states(): readonly ReflectorState[] {
    return Object.values(this.#watched).map(({ reflector }) => reflector.state);
  }

  /** Whether all kinds have been read whole once. */
  get synced(): boolean {
    return this.states.every(({ synced }) => synced);
  }

  /** What is wrong now, one line each. */
  problems(): string[] {
    const waiting = this.states.filter(({ synced, problem }) => !synced && problem === null);
    return [
      ...this.states.flatMap(({ problem }) => problem ?? []),
      ...waiting.map(({ resource }) => `${resource}: not read yet`),
      ...(this.owners.state.problem === null ? [] : [`owners: ${this.owners.state.problem}`]),
    ];
  }

  #watch<T>(kind: Kind, project: (raw: unknown) => T | null, sink: DirectorySink<T>): Watched {
    const reflector = new Reflector(this.client, { path: RESOURCES[kind] }, project, sink, {
      timings: kind === 'pods' ? POD_TIMINGS : {},
    });
    return { reflector, sink };
  }

  #tellWhole(): void {
    let isDeaf = false;
    for (const { reflector, sink } of Object.values(this.#watched)) {
      const { phase, synced } = reflector.state;
      if (!synced) continue;
      if (phase === 'watching') sink.whole();
      else isDeaf = true;
    }
    this.#deafSinceMs = isDeaf ? (this.#deafSinceMs ?? this.#clock.tsMonoMs()) : null;
  }
}
