/** A place (an address, the name of a node) and a port on it, as one key. */
export function portKey(place: string, port: number, protocol: string): string {
  return `${place} ${port}/${protocol}`;
}
