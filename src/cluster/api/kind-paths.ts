import type { Clock } from '../../util/clock.ts';
import type { ApiClient } from './api-client.ts';
import { BoundedMap } from './bounded-map.ts';

/** Where the objects of a kind are. */
export interface KindPath {
  readonly plural: string;
  readonly namespaced: boolean;
}

/** The kinds of Kubernetes itself that own something, so that they need no discovery. */
const BUILT_IN: Readonly<Record<string, KindPath>> = Object.fromEntries(
  [
    ['apps/v1 ReplicaSet', 'replicasets'],
    ['apps/v1 Deployment', 'deployments'],
    ['apps/v1 StatefulSet', 'statefulsets'],
    ['apps/v1 DaemonSet', 'daemonsets'],
    ['batch/v1 Job', 'jobs'],
    ['batch/v1 CronJob', 'cronjobs'],
    ['v1 ReplicationController', 'replicationcontrollers'],
  ].map(([kind, plural]) => [kind, { plural, namespaced: true }]),
);

/** API versions that own pods in one cluster: built-in ones, and those of a few operators. */
const MAX_VERSIONS = 64;
/** A kind may be installed later. */
const UNKNOWN_AGAIN_MS = 600_000;

interface Discovered {
  /** Kinds of one API version; a document lists some dozens. */
  readonly kinds: ReadonlyMap<string, KindPath>;
  readonly atMs: number;
}

interface ApiResourceList {
  readonly resources?: readonly {
    readonly name?: unknown;
    readonly kind?: unknown;
    readonly namespaced?: unknown;
  }[];
}

/** The root of an API version: /api/v1, /apis/apps/v1. */
export function versionPath(apiVersion: string): string {
  return apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
}

/** Knows the plural name of a kind, of ReplicaSet or of a custom resource: by discovery, once for each API version. */
export class KindPaths {
  readonly #client: ApiClient;
  readonly #clock: Clock;
  readonly #versions = new BoundedMap<string, Discovered>(MAX_VERSIONS);

  constructor(client: ApiClient, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
  }

  /** Null: there is no such kind. Throws ApiError where discovery fails. */
  async find(apiVersion: string, kind: string, signal: AbortSignal): Promise<KindPath | null> {
    const builtIn = BUILT_IN[`${apiVersion} ${kind}`];
    if (builtIn !== undefined) return builtIn;
    const nowMs = this.#clock.tsMonoMs();
    let version = this.#versions.get(apiVersion);
    if (version === undefined || (!version.kinds.has(kind) && nowMs - version.atMs > UNKNOWN_AGAIN_MS)) {
      version = { kinds: await this.#discover(apiVersion, signal), atMs: nowMs };
      this.#versions.set(apiVersion, version);
    }
    return version.kinds.get(kind) ?? null;
  }

  async #discover(apiVersion: string, signal: AbortSignal): Promise<ReadonlyMap<string, KindPath>> {
    const path = versionPath(apiVersion);
    const { resources } = (await this.#client.json({ path, verb: 'discover', signal })) as ApiResourceList;
    const kinds = new Map<string, KindPath>();
    for (const { name, kind, namespaced } of Array.isArray(resources) ? resources : []) {
      // pods/log is a part of another kind
      if (typeof name !== 'string' || typeof kind !== 'string' || name.includes('/')) continue;
      kinds.set(kind, { plural: name, namespaced: namespaced === true });
    }
    return kinds;
  }
}
