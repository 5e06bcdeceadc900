/** A kind of object by its place in the API: /api/v1/pods, /apis/discovery.k8s.io/v1/endpointslices. */
export interface Resource {
  /** '' for the core group. */
  readonly group: string;
  readonly plural: string;
}

const PLACE = /^\/(?:api|apis\/([^/]+))\/[^/]+\/(?:namespaces\/[^/]+\/)?([^/?]+)/;

/** The resource that a path asks for; null for other paths, such as discovery. */
export function resourceOf(path: string): Resource | null {
  const match = PLACE.exec(path);
  if (match === null) return null;
  return { group: match[1] ?? '', plural: match[2] ?? '' };
}

/** As kubectl writes it: `pods`, `endpointslices.discovery.k8s.io`. */
export function resourceText(resource: Resource): string {
  return resource.group === '' ? resource.plural : `${resource.plural}.${resource.group}`;
}
