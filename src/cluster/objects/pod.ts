import type { JsonObject } from '../../util/json-object.ts';
import { appLabels } from './app-labels.ts';
import type { Interner } from './interner.ts';
import type { JsonReader } from './json-reader.ts';
import { containers, containerStatuses, endedMs, networkMs } from './pod-status.ts';
import type { ContainerRecord, HostPortRecord, OwnerRef, PodRecord } from './records.ts';

const MAX_ADDRESSES = 16;
const MAX_OWNERS = 64;
const MAX_CONTAINERS = 256;
const MAX_PORTS = 256;
const NO_CONTAINERS: readonly ContainerRecord[] = [];
const NO_PORTS: readonly HostPortRecord[] = [];

/**
 * What is kept of a Pod (v1); null without UID, namespace or name. `ownNode`: containers are kept of its pods only;
 * null: of all.
 */
export function projectPod(
  raw: unknown,
  reader: JsonReader,
  interner: Interner,
  ownNode: string | null,
): PodRecord | null {
  const pod = reader.object(raw);
  const metadata = reader.object(pod['metadata']);
  const spec = reader.object(pod['spec']);
  const status = reader.object(pod['status']);
  const uid = reader.text(metadata['uid']);
  const namespace = interner.text(reader.text(metadata['namespace']));
  const name = reader.text(metadata['name']);
  if (uid === '' || namespace === '' || name === '') return null;
  const nodeName = interner.text(reader.text(spec['nodeName']));
  const statuses = containerStatuses(status, reader);
  const done = status['phase'] === 'Succeeded' || status['phase'] === 'Failed';
  const labels = reader.object(metadata['labels']);
  const wanted = ownNode === null || nodeName === ownNode;
  return {
    uid,
    namespace,
    name,
    nodeName,
    addresses: podAddresses(status, reader),
    hostNetwork: spec['hostNetwork'] === true,
    hostPorts: hostPorts(spec, reader),
    done,
    endedMs: done ? endedMs(statuses, reader) : null,
    terminating: reader.timeMs(metadata['deletionTimestamp']) !== null,
    createdMs: reader.timeMs(metadata['creationTimestamp']) ?? 0,
    startedMs: reader.timeMs(status['startTime']),
    networkMs: networkMs(status, statuses, reader),
    app: appLabels(labels, reader, interner),
    owner: controllerOf(metadata, reader, interner),
    templateHash: interner.text(reader.text(labels['pod-template-hash'])),
    containers: wanted ? containers(statuses, reader, interner) : NO_CONTAINERS,
    staticHash: reader.text(reader.object(metadata['annotations'])['kubernetes.io/config.mirror']),
  };
}

/** podIPs, and podIP where a server tells only that. */
function podAddresses(status: JsonObject, reader: JsonReader): readonly string[] {
  const several = reader.list(status['podIPs'], MAX_ADDRESSES).map((item) => reader.object(item)['ip']);
  return reader.addresses(several.length > 0 ? several : [status['podIP']]);
}

/** The owner with `controller: true`: the API server lets there be one at most. */
function controllerOf(metadata: JsonObject, reader: JsonReader, interner: Interner): OwnerRef | null {
  for (const item of reader.list(metadata['ownerReferences'], MAX_OWNERS)) {
    const owner = reader.object(item);
    if (owner['controller'] !== true) continue;
    const uid = reader.text(owner['uid']);
    const name = reader.text(owner['name']);
    const kind = interner.text(reader.text(owner['kind']));
    if (uid === '' || name === '' || kind === '') continue;
    return { apiVersion: interner.text(reader.text(owner['apiVersion'])), kind, name, uid };
  }
  return null;
}

/**
 * Ports of the node that are the pod's. With hostNetwork every declared port is one; else those with a hostPort. Init
 * containers count where they go on running beside the others (restartPolicy Always).
 */
function hostPorts(spec: JsonObject, reader: JsonReader): readonly HostPortRecord[] {
  const hostNetwork = spec['hostNetwork'] === true;
  const found: HostPortRecord[] = [];
  const read = (container: JsonObject): void => {
    for (const item of reader.list(container['ports'], MAX_PORTS)) {
      const declared = reader.object(item);
      const port = reader.port(hostNetwork ? declared['containerPort'] : declared['hostPort']);
      const protocol = reader.protocol(declared['protocol']);
      if (port === 0 || protocol === null) continue;
      const address = reader.address(declared['hostIP']);
      found.push({ port, protocol, address: address === '0.0.0.0' || address === '::' ? '' : address });
    }
  };
  for (const item of reader.list(spec['containers'], MAX_CONTAINERS)) read(reader.object(item));
  for (const item of reader.list(spec['initContainers'], MAX_CONTAINERS)) {
    const container = reader.object(item);
    if (container['restartPolicy'] === 'Always') read(container);
  }
  return found.length === 0 ? NO_PORTS : found.slice(); // a list that grew has room for more
}
