import type { WorkloadRecord } from '../objects/records.ts';
import type { OwnerBook } from './owner-book.ts';
import type { PodIndex } from './pod-index.ts';
import { type ServiceEntry, type ServiceIndex, serviceKey } from './service-index.ts';
import type { SliceIndex } from './slice-index.ts';

/**
 * The workload behind a Service: where every endpoint of all its slices is a pod, and all these pods are of one workload.
 * Whether they are ready does not matter, for connections outlive that. Remembers what was told, to say when it changes.
 */
export class Backends {
  readonly #pods: PodIndex;
  readonly #services: ServiceIndex;
  readonly #slices: SliceIndex;
  readonly #owners: OwnerBook;
  /** Services whose backend was told and may be another now: no more than Services. */
  readonly #doubtful = new Set<ServiceEntry>();

  constructor(pods: PodIndex, services: ServiceIndex, slices: SliceIndex, owners: OwnerBook) {
    this.#pods = pods;
    this.#services = services;
    this.#slices = slices;
    this.#owners = owners;
  }

  of(service: ServiceEntry, nowMs: number): WorkloadRecord | null {
    if (service.toldBackend === undefined || this.#doubtful.delete(service)) {
      service.toldBackend = this.#find(service, nowMs);
    }
    return service.toldBackend;
  }

  /** The backend of the Service may have changed. */
  doubt(key: string): void {
    for (const service of this.#services.allByKey(key)) {
      if (service.toldBackend !== undefined) this.#doubtful.add(service);
    }
  }

  /** Those of the doubtful whose backend has changed since it was told. */
  *takeChanged(nowMs: number): Generator<ServiceEntry, void> {
    for (const service of this.#doubtful) {
      const told = service.toldBackend;
      service.toldBackend = this.#find(service, nowMs);
      if (!same(told ?? null, service.toldBackend)) yield service;
    }
    this.#doubtful.clear();
  }

  #find({ record, removed }: ServiceEntry, nowMs: number): WorkloadRecord | null {
    const key = serviceKey(record.namespace, record.name);
    if (removed || this.#slices.hasOthers(key)) return null;
    let found: WorkloadRecord | null = null;
    for (const uid of this.#slices.podsOf(key)) {
      const pod = this.#pods.get(uid);
      if (pod === undefined) return null;
      if (pod.removed) continue; // the slice will follow
      const workload = this.#owners.workloadOf(pod, nowMs);
      if (found !== null && !same(found, workload)) return null;
      found = workload;
    }
    return found;
  }
}

function same(a: WorkloadRecord | null, b: WorkloadRecord | null): boolean {
  if (a === b) return true;
  return a?.kind === b?.kind && a?.name === b?.name && a?.namespace === b?.namespace;
}
