import type { Interner } from './interner.ts';
import type { JsonReader } from './json-reader.ts';
import type { NodeRecord } from './records.ts';

const MAX_ADDRESSES = 64;
const MAX_CIDRS = 16;

/** What is kept of a Node (v1); null without UID or name. */
export function projectNode(raw: unknown, reader: JsonReader, interner: Interner): NodeRecord | null {
  const node = reader.object(raw);
  const metadata = reader.object(node['metadata']);
  const spec = reader.object(node['spec']);
  const labels = reader.object(metadata['labels']);
  const uid = reader.text(metadata['uid']);
  const name = interner.text(reader.text(metadata['name']));
  if (uid === '' || name === '') return null;
  const internal: unknown[] = [];
  const external: unknown[] = [];
  for (const item of reader.list(reader.object(node['status'])['addresses'], MAX_ADDRESSES)) {
    const { type, address } = reader.object(item);
    if (type === 'InternalIP') internal.push(address);
    if (type === 'ExternalIP') external.push(address);
  }
  const own = reader.addresses(internal);
  const added = reader.addresses(external).filter((address) => !own.includes(address));
  const cidrs = reader.list(spec['podCIDRs'], MAX_CIDRS);
  return {
    uid,
    name,
    addresses: [...own, ...added],
    externalAddresses: added,
    zone: interner.text(reader.text(labels['topology.kubernetes.io/zone'])),
    region: interner.text(reader.text(labels['topology.kubernetes.io/region'])),
    podCidrs: (cidrs.length > 0 ? cidrs : [spec['podCIDR']])
      .map((text) => reader.text(text))
      .filter((text) => text !== ''),
    createdMs: reader.timeMs(metadata['creationTimestamp']) ?? 0,
  };
}
