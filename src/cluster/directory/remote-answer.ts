import type { Moment } from './claim.ts';
import { AMBIGUOUS } from './claim.ts';
import type { Indexes } from './indexes.ts';
import type { NodeEntry } from './node-index.ts';
import type { PodEntry } from './pod-entry.ts';
import type { Now } from './pod-index.ts';
import { portKey } from './port-key.ts';
import { nobody, type RemoteEnd } from './remote-end.ts';
import type { ServiceEntry } from './service-index.ts';
import type { Answer } from './timeline.ts';

export interface Question {
  readonly address: string;
  /** 0: the other end is a client, whose port says nothing. */
  readonly port: number;
  readonly protocol: 'tcp' | 'udp';
  readonly moment: Moment;
  readonly now: Now;
  /** Whether later news of that moment are not to be waited for any more. */
  readonly old: boolean;
}

const found = <O>(answer: Answer<O & object>): (O & object) | null =>
  answer === AMBIGUOUS || answer === undefined ? null : answer;

/**
 * Who it was. Of an address of a node the port tells more: a NodePort, the port of a host-network pod, a hostPort; where
 * more than one of these could be meant it is the node, which is true of them all. Where an address is of two kinds at
 * once (a pod's that some Service has as an external one) nobody is told.
 */
export function remoteAnswer(indexes: Indexes, question: Question): RemoteEnd {
  const { address, port, protocol, moment, now, old } = question;
  const key = portKey(address, port, protocol);
  const services: Answer<ServiceEntry> = port === 0 ? null : indexes.services.at(key, moment, now);
  const pods = indexes.pods.atAddress(address, moment, now);
  const nodes = indexes.nodes.atAddress(address, moment, now);
  const [service, pod, node] = [found(services), found(pods), found(nodes)];
  const settled = services !== undefined && pods !== undefined && nodes !== undefined;
  if (pod !== null) {
    if (services !== null && services !== undefined) return nobody(settled && old, true);
    return node === null ? podEnd(indexes, pod, question, true) : nobody(settled && old, true);
  }
  if (service !== null) return serviceEnd(indexes, service, now);
  if (node !== null) return nodeEnd(indexes, node, question, services);
  const contested = services === AMBIGUOUS || pods === AMBIGUOUS || nodes === AMBIGUOUS;
  return nobody(settled && old, contested);
}

function nodeEnd(
  indexes: Indexes,
  entry: NodeEntry,
  question: Question,
  services: Answer<ServiceEntry>,
): RemoteEnd {
  const { address, port, protocol, moment, now, old } = question;
  const { name } = entry.record;
  const zone = indexes.nodes.byName(name)?.zone ?? '';
  const node = (final: boolean): RemoteEnd => ({ ...nobody(final), kind: 'node', name, node: name, zone });
  if (port === 0) return node(true);
  const key = portKey('', port, protocol);
  const nodePorts = indexes.services.atNodePort(key, moment, now);
  const hostPorts = indexes.pods.atHostPort(name, address, key, moment, now);
  const [service, pod] = [found(nodePorts), found(hostPorts)];
  if (services === null && service !== null && hostPorts === null) return serviceEnd(indexes, service, now);
  if (services === null && pod !== null && nodePorts === null) {
    // behind a hostPort the endpoint has another port than the one that was dialled
    return podEnd(indexes, pod, question, pod.hostNetwork);
  }
  // news of the port may still come: the node would be true, and another name than the one that follows
  if (services === undefined || nodePorts === undefined || hostPorts === undefined) return nobody(false);
  const unclear = services !== null || nodePorts !== null || hostPorts !== null;
  return node(old || !unclear);
}

function serviceEnd(indexes: Indexes, service: ServiceEntry, now: Now): RemoteEnd {
  const { name, namespace } = service.record;
  return {
    ...nobody(true),
    kind: 'service',
    name,
    namespace,
    workload: indexes.backends.of(service, now.monoMs),
    serviceName: name,
    serviceNamespace: namespace,
  };
}

function podEnd(indexes: Indexes, pod: PodEntry, question: Question, withService: boolean): RemoteEnd {
  const { port, protocol, now } = question;
  const { services, slices } = indexes;
  const exists = (key: string): boolean => services.byKey(key) !== undefined;
  const only = withService && port !== 0 ? slices.onlyService(pod.uid, port, protocol, exists) : null;
  const service = only === null ? undefined : services.byKey(only)?.record;
  return {
    kind: 'pod',
    name: pod.name,
    namespace: pod.namespace,
    node: pod.nodeName,
    zone: indexes.nodes.byName(pod.nodeName)?.zone ?? '',
    workload: indexes.owners.workloadOf(pod, now.monoMs),
    serviceName: service?.name ?? '',
    serviceNamespace: service?.namespace ?? '',
    podUid: pod.uid,
    contested: false,
    final: true,
  };
}
