import { Interner } from './interner.ts';
import { JsonReader } from './json-reader.ts';
import { projectNode } from './node.ts';
import { projectPod } from './pod.ts';
import type { NodeRecord, PodRecord, ServiceRecord, SliceRecord } from './records.ts';
import { projectService } from './service.ts';
import { projectSlice } from './slice.ts';

export interface ProjectionOptions {
  /** Containers are kept of the pods of this node only; null: of all pods. */
  readonly ownNode: string | null;
}

export interface ProjectionStatistics {
  /** Objects without UID, namespace or name. */
  readonly objectsLeftOut: number;
  /** Parts of objects that were not as the API describes them: addresses, ports, times, ids. */
  readonly partsLeftOut: number;
  /** Texts and label sets that are shared now. */
  readonly shared: number;
}

/**
 * What is kept of the JSON of the API server. Whatever the JSON is, these functions answer and do not throw: what is
 * malformed is left out and counted, and an object that cannot be told from others is null.
 */
export class Projections {
  readonly #ownNode: string | null;
  readonly #reader = new JsonReader();
  readonly #interner = new Interner();
  #objectsLeftOut = 0;

  constructor({ ownNode }: ProjectionOptions) {
    this.#ownNode = ownNode;
  }

  /** Pod, v1. */
  readonly pod = (raw: unknown): PodRecord | null =>
    this.#counted(projectPod(raw, this.#reader, this.#interner, this.#ownNode));

  /** Service, v1. */
  readonly service = (raw: unknown): ServiceRecord | null =>
    this.#counted(projectService(raw, this.#reader, this.#interner));

  /** EndpointSlice, discovery.k8s.io/v1. */
  readonly slice = (raw: unknown): SliceRecord | null =>
    this.#counted(projectSlice(raw, this.#reader, this.#interner));

  /** Node, v1. */
  readonly node = (raw: unknown): NodeRecord | null =>
    this.#counted(projectNode(raw, this.#reader, this.#interner));

  get statistics(): ProjectionStatistics {
    return {
      objectsLeftOut: this.#objectsLeftOut,
      partsLeftOut: this.#reader.leftOut,
      shared: this.#interner.size,
    };
  }

  #counted<T>(record: T | null): T | null {
    if (record === null) this.#objectsLeftOut++;
    return record;
  }
}
