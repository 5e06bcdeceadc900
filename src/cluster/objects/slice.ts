import type { JsonObject } from '../../util/json-object.ts';
import type { Interner } from './interner.ts';
import type { JsonReader } from './json-reader.ts';
import type { EndpointRecord, SliceRecord } from './records.ts';

/** What the API server allows in one slice (discovery.k8s.io/v1). */
const MAX_ENDPOINTS = 1000;
const MAX_ADDRESSES = 100;
const MAX_PORTS = 20_000;

/** What is kept of an EndpointSlice (discovery.k8s.io/v1); null without UID, namespace or name. */
export function projectSlice(raw: unknown, reader: JsonReader, interner: Interner): SliceRecord | null {
  const slice = reader.object(raw);
  const metadata = reader.object(slice['metadata']);
  const labels = reader.object(metadata['labels']);
  const uid = reader.text(metadata['uid']);
  const namespace = interner.text(reader.text(metadata['namespace']));
  const name = reader.text(metadata['name']);
  if (uid === '' || namespace === '' || name === '') return null;
  const names = slice['addressType'] === 'FQDN';
  return {
    uid,
    namespace,
    name,
    serviceName: interner.text(reader.text(labels['kubernetes.io/service-name'])),
    ports: slicePorts(slice, reader, interner),
    endpoints: reader
      .list(slice['endpoints'], MAX_ENDPOINTS)
      .map((item) => endpoint(reader.object(item), names, namespace, reader, interner)),
  };
}

/** A port without a number stands for every port; a slice without ports has none. */
function slicePorts(slice: JsonObject, reader: JsonReader, interner: Interner): SliceRecord['ports'] {
  const found: SliceRecord['ports'][number][] = [];
  for (const item of reader.list(slice['ports'], MAX_PORTS)) {
    const declared = reader.object(item);
    const protocol = reader.protocol(declared['protocol']);
    const port = reader.port(declared['port']);
    const everyPort = declared['port'] === undefined || declared['port'] === null;
    if (protocol === null || (port === 0 && !everyPort)) continue;
    found.push({ name: interner.text(reader.text(declared['name'])), port, protocol });
  }
  return found;
}

/** `names`: the addresses are host names. Of the conditions, ready and serving are to be taken as true where they are not told. */
function endpoint(
  item: JsonObject,
  names: boolean,
  namespace: string,
  reader: JsonReader,
  interner: Interner,
): EndpointRecord {
  const conditions = reader.object(item['conditions']);
  const target = reader.object(item['targetRef']);
  const ready = conditions['ready'] !== false;
  const isPod = target['kind'] === 'Pod' && (target['namespace'] ?? namespace) === namespace;
  return {
    addresses: names ? [] : reader.addresses(reader.list(item['addresses'], MAX_ADDRESSES)),
    podUid: isPod ? reader.text(target['uid']) : '',
    nodeName: interner.text(reader.text(item['nodeName'])),
    zone: interner.text(reader.text(item['zone'])),
    ready,
    serving: typeof conditions['serving'] === 'boolean' ? conditions['serving'] : ready,
    terminating: conditions['terminating'] === true,
  };
}
