import type { JsonObject } from '../../util/json-object.ts';
import type { Interner } from './interner.ts';
import type { JsonReader } from './json-reader.ts';
import type { ServicePortRecord, ServiceRecord } from './records.ts';

const MAX_ADDRESSES = 256;
const MAX_PORTS = 4096;
const TYPES = ['ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName'] as const;

/** What is kept of a Service (v1); null without UID, namespace or name. */
export function projectService(raw: unknown, reader: JsonReader, interner: Interner): ServiceRecord | null {
  const service = reader.object(raw);
  const metadata = reader.object(service['metadata']);
  const spec = reader.object(service['spec']);
  const uid = reader.text(metadata['uid']);
  const namespace = interner.text(reader.text(metadata['namespace']));
  const name = reader.text(metadata['name']);
  if (uid === '' || namespace === '' || name === '') return null;
  const type = reader.text(spec['type']) || 'ClusterIP';
  const known = TYPES.find((text) => text === type);
  if (known === undefined) reader.leftOut++;
  return {
    uid,
    namespace,
    name,
    type: known ?? 'ClusterIP',
    clusterAddresses: clusterAddresses(spec, reader),
    externalAddresses: externalAddresses(spec, reader.object(service['status']), reader),
    ports: servicePorts(spec, reader, interner),
    createdMs: reader.timeMs(metadata['creationTimestamp']) ?? 0,
  };
}

/** clusterIPs, and clusterIP where a server tells only that. "None" is that of a headless Service. */
function clusterAddresses(spec: JsonObject, reader: JsonReader): readonly string[] {
  const several = reader.list(spec['clusterIPs'], MAX_ADDRESSES);
  const all = several.length > 0 ? several : [spec['clusterIP']];
  return reader.addresses(all.filter((text) => text !== 'None'));
}

function externalAddresses(spec: JsonObject, status: JsonObject, reader: JsonReader): readonly string[] {
  const balancers = reader.list(reader.object(status['loadBalancer'])['ingress'], MAX_ADDRESSES);
  return reader.addresses([
    ...reader.list(spec['externalIPs'], MAX_ADDRESSES),
    ...balancers.map((item) => reader.object(item)['ip']),
  ]);
}

function servicePorts(
  spec: JsonObject,
  reader: JsonReader,
  interner: Interner,
): readonly ServicePortRecord[] {
  const found: ServicePortRecord[] = [];
  for (const item of reader.list(spec['ports'], MAX_PORTS)) {
    const declared = reader.object(item);
    const port = reader.port(declared['port']);
    const protocol = reader.protocol(declared['protocol']);
    if (port === 0 || protocol === null) continue;
    const name = interner.text(reader.text(declared['name']));
    found.push({ name, port, protocol, nodePort: reader.port(declared['nodePort']) });
  }
  return found;
}
