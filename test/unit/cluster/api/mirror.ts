import { expect } from 'vitest';
import { ApiClient } from '../../../../src/cluster/api/api-client.ts';
import type { ApiConfig } from '../../../../src/cluster/api/api-config.ts';
import {
  Reflector,
  type ReflectorOptions,
  type ReflectorSink,
} from '../../../../src/cluster/api/reflector.ts';
import type { ReflectorTimings } from '../../../../src/cluster/api/reflector-timings.ts';
import { type FakeApi, type Thing, THINGS } from './fake-api.ts';

export interface Kept {
  readonly uid: string;
  readonly value: string;
}

/** Milliseconds where the product has seconds and minutes. */
export const QUICK: ReflectorTimings = {
  silenceMs: 60_000,
  watchMs: 60_000,
  overdueMs: 60_000,
  listWatchMs: 60_000,
  relistMs: 20,
  backoffBaseMs: 10,
  backoffCapMs: 50,
  stableMs: 1_000,
  streamingAgainMs: 3_600_000,
};

function project(raw: unknown): Kept | null {
  const { metadata, value } = raw as Thing;
  if (value === 'throw') throw new Error('not understood');
  return value === 'ignore' ? null : { uid: metadata.uid, value };
}

/** A set that a Reflector fills, and that says when something was removed that the server still had. */
export class Mirror implements ReflectorSink<Kept>, AsyncDisposable {
  readonly kept = new Map<string, Kept>();
  readonly told: string[] = [];
  /** UIDs that were removed though the server had them. */
  readonly wrong: string[] = [];
  syncs = 0;
  /** Each time that the watch was lost: how long ago it was heard from, and how much had been told by then. */
  readonly losses: { heardAgoMs: number; told: number }[] = [];
  readonly client: ApiClient;
  readonly reflector: Reflector<Kept>;
  readonly #api: FakeApi;

  constructor(
    api: FakeApi,
    timings: Partial<ReflectorTimings> = {},
    config: ApiConfig = api.config,
    options: ReflectorOptions = {},
  ) {
    this.#api = api;
    this.client = new ApiClient(config, {
      version: '1.2.3',
      timeouts: { connectMs: 1_000, headersMs: 1_000, stallMs: 1_000 },
    });
    this.reflector = new Reflector(this.client, { path: THINGS }, project, this, {
      timings: { ...QUICK, ...timings },
      ...options,
    });
    this.reflector.start();
  }

  upsert(object: Kept): void {
    this.kept.set(object.uid, object);
    this.told.push(`+${object.value}`);
  }

  remove(uid: string): void {
    if (this.#api.things.has(uid)) this.wrong.push(uid);
    this.told.push(`-${this.kept.get(uid)?.value ?? 'never told'}`);
    this.kept.delete(uid);
  }

  synced(): void {
    this.syncs++;
    this.told.push('synced');
  }

  lost(heardAgoMs: number): void {
    this.losses.push({ heardAgoMs, told: this.told.length });
  }

  values(): Record<string, string> {
    return Object.fromEntries([...this.kept].map(([uid, { value }]) => [uid, value]));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.reflector.stop();
    this.client.close();
  }
}

/** As expect.poll, patient with a machine that is busy. */
export const PATIENT = { timeout: 60_000, interval: 5 } as const;

export async function synced(mirror: Mirror, times = 1): Promise<void> {
  await expect.poll(() => mirror.syncs, PATIENT).toBeGreaterThanOrEqual(times);
}

/** The mirror has what the server has, and never removed what it had. */
export async function becomesSame(api: FakeApi, mirror: Mirror): Promise<void> {
  await expect.poll(() => mirror.values(), PATIENT).toEqual(api.values());
  expect(mirror.wrong).toEqual([]);
}
