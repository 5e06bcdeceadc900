import type { Indexes } from './indexes.ts';
import { portKey } from './port-key.ts';
import type { RemoteEnd } from './remote-end.ts';

/**
 * Tells an answer from all others: a pod by its UID, for a name may be given again; Services and nodes of one name are as
 * good as one. '' for nobody.
 */
export function holderOf({ kind, podUid, namespace, name }: RemoteEnd): string {
  if (kind === 'unknown') return '';
  return kind === 'pod' ? podUid : `${kind}/${namespace}/${name}`;
}

/** Who has an address and port by the latest news, as holderOf() tells; '' for nobody. See remoteAnswer(). */
export function latestHolder(
  indexes: Indexes,
  address: string,
  port: number,
  protocol: 'tcp' | 'udp',
): string {
  const { pods, services, nodes } = indexes;
  const pod = pods.latestAt(address);
  if (pod !== null) return pod.uid;
  const service = port === 0 ? null : services.ports.latest(portKey(address, port, protocol));
  if (service !== null) return `service/${service.record.namespace}/${service.record.name}`;
  const node = nodes.latestAt(address);
  if (node === null) return '';
  const asNode = `node//${node.record.name}`;
  if (port === 0) return asNode;
  const key = portKey('', port, protocol);
  const served = services.nodePorts.latest(key);
  const host = pods.latestAtHostPort(node.record.name, address, key);
  if (served !== null && host === null) return `service/${served.record.namespace}/${served.record.name}`;
  return host !== null && served === null ? host.uid : asNode;
}
