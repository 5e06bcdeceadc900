import { translateDestination } from '../../hosts/firewall.ts';
import { pod, service, type PodOptions, type ServiceOptions } from './objects.ts';
import { type Endpoints, type SlicePort, slicesOf } from './far-slices.ts';
import { owner } from './owners.ts';
import type { PodLab } from './pod-lab.ts';
import { type FarPod, ofService, type Pair, pair, type Target, toPod, workload } from './target.ts';

/** Where all servers of `far` listen. */
export const FAR_PORTS = { tcp: [8080, 8443, 9100, 22], udp: 5353 } as const;

/** Makes everybody that is not on our node. `from` is the host whose kernel translates Services. */
export class Targets {
  readonly all: Target[] = [];
  /** Addresses of `far` where datagrams are answered: a server for each, which answers from its own. */
  readonly datagrams: string[] = [];
  readonly #lab: PodLab;
  readonly #from: string;

  constructor(lab: PodLab, from: string) {
    this.#lab = lab;
    this.#from = from;
  }

  /** A pod on another node. */
  async pod(options: Omit<PodOptions, 'addresses'> & { node: string }): Promise<FarPod> {
    const addresses = await this.#lab.farAddresses();
    const made = await this.#lab.api.admin.create(pod({ ...options, addresses }));
    const { name, namespace = 'default', node } = options;
    return { name, namespace, node, uid: made.metadata.uid ?? '', addresses };
  }

  add(target: Omit<Target, 'protocol'> & { protocol?: Target['protocol'] }): void {
    this.all.push({ protocol: 'tcp', ...target });
  }

  /** Pods that are asked for by their own addresses. */
  async pods(): Promise<{ db: FarPod }> {
    const db = await this.pod({
      name: 'db-0',
      namespace: 'data',
      node: 'node-b',
      owner: owner('apps/v1', 'StatefulSet', 'db'),
    });
    await this.#service(
      { name: 'db', namespace: 'data', port: 8080, spec: { clusterIP: 'None' } },
      [[db]],
      [['main', 8080]],
    );
    const ofDb = {
      destination_workload: 'db',
      destination_kind: 'StatefulSet',
      destination_namespace: 'data',
    };
    this.add({
      what: 'a pod of a headless Service, in another zone',
      ...toPod(db, 8080),
      edge: { ...ofDb, destination_service: 'db', scope: 'cross_zone' },
    });
    const search = await this.pod({
      name: 'search-5c-1',
      namespace: 'data',
      node: 'node-c',
      owner: owner('apps/v1', 'ReplicaSet', 'search-5c'),
      labels: { 'pod-template-hash': '5c' },
    });
    this.add({
      what: 'a pod in our zone, whose ReplicaSet is gone',
      ...toPod(search, 8080),
      edge: { ...workload('search', 'Deployment', 'data'), scope: 'same_zone' },
    });
    const lost = await this.pod({ name: 'lost', namespace: 'batch', node: 'node-d' });
    this.datagrams.push(...lost.addresses);
    this.add({
      what: 'a pod on a node without a zone, by UDP',
      protocol: 'udp',
      ...toPod(lost, FAR_PORTS.udp),
      edge: { ...workload('lost', 'Pod', 'batch'), scope: 'cluster' },
    });
    return { db };
  }

  /** Services of every type. */
  async services(): Promise<void> {
    const own = owner('apps/v1', 'DaemonSet', 'api');
    const api = [
      await this.pod({ name: 'api-1', namespace: 'shop', node: 'node-b', owner: own }),
      await this.pod({ name: 'api-2', namespace: 'shop', node: 'node-c', owner: own }),
    ];
    const ports = [
      { name: 'http', port: 80, targetPort: 8080, nodePort: 30_080 },
      { name: 'https', port: 443, targetPort: 8443, nodePort: 30_443 },
    ];
    const outside = [await this.#lab.farAddresses(), await this.#lab.farAddresses()] as const;
    const { clusterIPs } = await this.#service(
      {
        name: 'api',
        namespace: 'shop',
        port: 80,
        spec: { type: 'LoadBalancer', ports, externalIPs: outside[0], selector: { app: 'api' } },
        status: { loadBalancer: { ingress: outside[1].map((ip) => ({ ip })) } },
      },
      [api],
      [
        ['http', 8080],
        ['https', 8443],
      ],
    );
    const nodeB = await this.#nodeAddresses('node-b');
    const edge = {
      ...workload('api', 'DaemonSet', 'shop'),
      destination_service: 'api',
      scope: 'cluster',
    };
    const seed = ofService('api', 'shop');
    const ways: [string, Pair, number, number][] = [
      ['the first port of a ClusterIP', pair(clusterIPs), 80, 8080],
      ['the second port of a ClusterIP', pair(clusterIPs), 443, 8443],
      ['an external IP of a Service', outside[0], 80, 8080],
      ["a load balancer's address", outside[1], 443, 8443],
      ['a NodePort of another node', nodeB, 30_080, 8080],
    ];
    for (const [what, addresses, port, toPort] of ways) {
      await this.#translate('tcp', addresses, port, api[0]?.addresses ?? addresses, toPort);
      this.add({ what, addresses, port, seed, edge });
    }
  }

  /** Services whose backend is no workload, or not of one, or asked by UDP. */
  async otherServices(db: FarPod): Promise<void> {
    await this.#clusterService('legacy', 'a Service without a selector', null, db);
    const two = [
      await this.pod({ name: 'blue', namespace: 'shop', node: 'node-b' }),
      await this.pod({ name: 'green', namespace: 'shop', node: 'node-b' }),
    ];
    await this.#clusterService('mixed', 'a Service of two workloads', two, two[0] ?? db);
    const dns = await this.pod({
      name: 'dns-1',
      namespace: 'shop',
      node: 'node-c',
      owner: owner('apps/v1', 'DaemonSet', 'dns'),
    });
    this.datagrams.push(...dns.addresses);
    const { clusterIPs } = await this.#service(
      { name: 'dns', namespace: 'shop', port: 53, protocol: 'UDP' },
      [[dns]],
      [['main', FAR_PORTS.udp]],
      'UDP',
    );
    await this.#translate('udp', pair(clusterIPs), 53, dns.addresses, FAR_PORTS.udp);
    this.add({
      what: 'a ClusterIP by UDP',
      protocol: 'udp',
      addresses: pair(clusterIPs),
      port: 53,
      seed: ofService('dns', 'shop'),
      edge: { ...workload('dns', 'DaemonSet', 'shop'), destination_service: 'dns', scope: 'cluster' },
    });
  }

  /** Endpoints that are about to come or go, and slices that share a Service's endpoints. */
  async endpoints(): Promise<void> {
    const own = owner('apps/v1', 'StatefulSet', 'early');
    const early = await this.pod({ name: 'early-0', namespace: 'shop', node: 'node-b', owner: own });
    await this.#service(
      {
        name: 'early',
        namespace: 'shop',
        port: 8080,
        spec: { clusterIP: 'None', publishNotReadyAddresses: true },
      },
      [[{ ...early, ready: false }]],
      [['main', 8080]],
    );
    this.add({
      what: 'a pod that is not ready, and published all the same',
      ...toPod(early, 8080),
      edge: {
        ...workload('early', 'StatefulSet', 'shop'),
        destination_service: 'early',
        scope: 'cross_zone',
      },
    });
    const sticky = { owner: owner('apps/v1', 'DaemonSet', 'sticky'), namespace: 'shop', node: 'node-b' };
    const first = await this.pod({ name: 'sticky-1', ...sticky });
    const going = await this.pod({ name: 'sticky-2', ...sticky });
    const { clusterIPs } = await this.#service(
      { name: 'sticky', namespace: 'shop', port: 80, spec: { sessionAffinity: 'ClientIP' } },
      [[first], [{ ...going, ready: false, terminating: true }]],
      [['main', 8080]],
    );
    await this.#translate('tcp', pair(clusterIPs), 80, going.addresses, 8080);
    this.add({
      what: 'a sticky Service of two slices, whose endpoint in the second is about to end',
      addresses: pair(clusterIPs),
      port: 80,
      seed: ofService('sticky', 'shop'),
      edge: { ...workload('sticky', 'DaemonSet', 'shop'), destination_service: 'sticky', scope: 'cluster' },
    });
  }

  /** Nodes, what is on their network, and what is in no cluster. */
  async others(): Promise<void> {
    const { admin } = this.#lab.api;
    const nodeB = await this.#nodeAddresses('node-b');
    const owned = { owner: owner('apps/v1', 'DaemonSet', 'exporter') };
    const ports = [{ containerPort: 9100, hostPort: 9100 }];
    const exporter = {
      name: 'exporter-2',
      namespace: 'monitoring',
      node: 'node-b',
      hostNetwork: true,
      ports,
    };
    await admin.create(pod({ ...exporter, ...owned, addresses: nodeB }));
    this.add({
      what: 'the declared port of a host-network pod',
      ...toPod({ ...exporter, uid: '', addresses: nodeB }, 9100),
      edge: { ...workload('exporter', 'DaemonSet', 'monitoring'), scope: 'cross_zone' },
    });
    this.add({
      what: 'another port of that node',
      addresses: nodeB,
      port: 22,
      seed: { destination_name: 'node-b', destination_kind: 'node', destination_node: 'node-b' },
      edge: { destination_workload: 'node-b', destination_kind: 'node', scope: 'cross_zone' },
    });
    const name = { type: 'ExternalName', externalName: 'db.example.test' };
    const externalName = service({ name: 'outside', namespace: 'shop', port: 8080 });
    const { ipFamilyPolicy: _, ...spec } = externalName['spec'] as Record<string, unknown>;
    await admin.create({ ...externalName, spec: { ...spec, ...name } });
    const internet: Pair = ['203.0.113.10', '2001:db8:1::10'];
    await this.#lab.hold(this.#lab.far, internet);
    this.add({
      what: 'an address of the internet, behind an ExternalName',
      addresses: internet,
      port: 8080,
      seed: {},
      edge: { scope: 'internet' },
    });
    this.add({
      what: 'an address of this site that is of no cluster',
      addresses: await this.#lab.farAddresses(),
      port: 8080,
      seed: {},
      edge: { scope: 'private' },
    });
  }

  async #clusterService(
    name: string,
    what: string,
    pods: readonly FarPod[] | null,
    to: FarPod,
  ): Promise<void> {
    const options = { name, namespace: 'shop', port: 8080 };
    const { clusterIPs } = await this.#service(options, [pods ?? [to.addresses]], [['main', 8080]]);
    await this.#translate('tcp', pair(clusterIPs), 8080, to.addresses, 8080);
    this.add({
      what,
      addresses: pair(clusterIPs),
      port: 8080,
      seed: ofService(name, 'shop'),
      edge: { destination_namespace: 'shop', destination_service: name, scope: 'cluster' },
    });
  }

  /** @param slices the endpoints of each */
  async #service(
    options: ServiceOptions,
    slices: readonly Endpoints[],
    ports: readonly SlicePort[],
    protocol = 'TCP',
  ): Promise<{ clusterIPs: readonly string[] }> {
    const { admin } = this.#lab.api;
    const made = await admin.create(service(options));
    for (const object of slicesOf(options, slices, ports, protocol)) await admin.create(object);
    return made['spec'] as { clusterIPs: readonly string[] };
  }

  async #translate(
    protocol: 'tcp' | 'udp',
    addresses: Pair,
    port: number,
    to: Pair,
    toPort: number,
  ): Promise<void> {
    const host = this.#lab.host(this.#from);
    for (const [i, address] of addresses.entries()) {
      await translateDestination(host, { protocol, address, port, toAddress: to[i] ?? '', toPort });
    }
  }

  async #nodeAddresses(name: string): Promise<Pair> {
    const made = await this.#lab.api.admin.get(`/api/v1/nodes/${name}`);
    const { addresses } = made['status'] as { addresses: { type: string; address: string }[] };
    return pair(addresses.filter(({ type }) => type === 'InternalIP').map(({ address }) => address));
  }
}
