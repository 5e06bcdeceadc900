import { resourceOf, resourceText } from './resource.ts';

/** More kinds than a cluster's owners have; beyond it they are counted together. */
const MAX_RESOURCES = 64;

export interface ReceivedCount {
  requests: number;
  /** Of bodies, as they came (never compressed, see ApiClient). */
  bytes: number;
}

/** What the API server sent, by resource: `pods`, `endpointslices.discovery.k8s.io`; `other` for the rest. */
export class ByteCounters {
  /** At most MAX_RESOURCES and `other`; nothing is ever forgotten. */
  readonly byResource = new Map<string, ReceivedCount>();

  request(path: string): void {
    this.#of(path).requests++;
  }

  bytes(path: string, bytes: number): void {
    this.#of(path).bytes += bytes;
  }

  #of(path: string): ReceivedCount {
    const resource = resourceOf(path);
    const wanted = resource === null ? 'other' : resourceText(resource);
    const known = this.byResource.get(wanted);
    if (known !== undefined) return known;
    const name = this.byResource.size < MAX_RESOURCES ? wanted : 'other';
    const count = this.byResource.get(name) ?? { requests: 0, bytes: 0 };
    this.byResource.set(name, count);
    return count;
  }
}
