import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Cgroup } from '../../hosts/cgroup.ts';
import type { Host, SpawnOptions } from '../../hosts/host.ts';
import { Lab } from '../../hosts/lab.ts';
import { parseSubnet } from '../../hosts/subnet.ts';
import { TestAgent } from '../../support/agent.ts';
import { ownNetworks } from '../../support/networks.ts';
import type { Page } from '../../support/page.ts';
import { withMounts } from '../../support/prefixes.ts';
import { ApiServer, type ApiServerOptions } from './api-server.ts';
import type { KubeObject } from './kube-object.ts';
import { node, pod, type PodOptions } from './objects.ts';
import { CGROUP_NAMINGS, type CgroupNaming, newContainerId } from './runtime-cgroups.ts';

/** The node whose kernel this is, as the API server calls it. */
export const OWN_NODE = 'node-a';
const NAMESPACES = ['shop', 'data', 'batch', 'monitoring'];

/** A pod of our node: its object, and where its programs run. */
export interface LocalPod {
  readonly object: KubeObject;
  readonly uid: string;
  readonly host: Host;
  readonly spawn: SpawnOptions;
}

export interface LocalPodOptions extends Omit<PodOptions, 'node' | 'addresses'> {
  readonly host: Host;
  readonly naming?: CgroupNaming;
  /** Those of its host by default. */
  readonly addresses?: readonly string[];
}

/**
 * A real API server, and hosts on one wire: `nodea`, those asked for, and `far`, which has the addresses of everybody who is
 * not on our node. Programs of our node are in its part of the cgroup tree, which is all that the agent is told of.
 */
export class PodLab {
  readonly api: ApiServer;
  readonly lab: Lab;
  readonly far: Host;
  readonly nodeHost: Host;
  readonly #hosts: ReadonlyMap<string, Host>;
  readonly #networks: { v4: string; v6: string };
  #next = 100;
  #starting: Promise<unknown> = Promise.resolve();

  private constructor(
    api: ApiServer,
    lab: Lab,
    hosts: readonly Host[],
    networks: { v4: string; v6: string },
  ) {
    this.api = api;
    this.lab = lab;
    this.#hosts = new Map(hosts.map((host) => [host.name, host]));
    this.#networks = networks;
    this.nodeHost = this.host('nodea');
    this.far = this.host('far');
  }

  /** @param hosts of pods with a network of their own */
  static async open(hosts: readonly string[], options?: ApiServerOptions): Promise<PodLab> {
    const lab = await Lab.create();
    const networks = ownNetworks();
    const [api, made] = await Promise.all([ApiServer.start(options), makeHosts(lab, hosts, networks)]);
    const podLab = new PodLab(api, lab, made, networks);
    for (const namespace of NAMESPACES) await api.admin.namespace(namespace);
    await podLab.#makeNodes();
    return podLab;
  }

  host(name: string): Host {
    const host = this.#hosts.get(name);
    if (host === undefined) throw new Error(`there is no host ${name}`);
    return host;
  }

  /** Addresses of both families that nobody has yet. They are given to a host by `hold`. */
  newAddresses(): [v4: string, v6: string] {
    const number = this.#next++;
    return [parseSubnet(this.#networks.v4).address(number), parseSubnet(this.#networks.v6).address(number)];
  }

  /** New addresses of `far`. */
  async farAddresses(): Promise<[v4: string, v6: string]> {
    const addresses = this.newAddresses();
    await this.hold(this.far, addresses);
    return addresses;
  }

  /** From now on the host has them. */
  async hold(host: Host, addresses: readonly string[]): Promise<void> {
    await host.ip(addresses.map((address) => `addr add ${withLength(address)} dev eth0`).join('\n'));
  }

  /** From now on the host does not have them, and everybody asks anew who has. */
  async release(host: Host, addresses: readonly string[]): Promise<void> {
    await host.ip(addresses.map((address) => `addr del ${withLength(address)} dev eth0`).join('\n'));
    for (const other of this.#hosts.values()) await other.ip('neigh flush dev eth0');
  }

  /** A cgroup of our node. */
  cgroup(path: string): Cgroup {
    return this.lab.cgroup(`${OWN_NODE}/${path}`);
  }

  /** A pod of our node, with its container's cgroup as its runtime names it. */
  async localPod(options: LocalPodOptions): Promise<LocalPod> {
    const { host, naming = CGROUP_NAMINGS.containerd, addresses = [host.v4, host.v6], ...rest } = options;
    const containerId = newContainerId();
    const object = await this.api.admin.create(pod({ ...rest, node: OWN_NODE, addresses, containerId }));
    const uid = object.metadata.uid ?? '';
    const known = object.metadata.annotations?.['kubernetes.io/config.mirror'] ?? uid;
    return { object, uid, host, spawn: { cgroup: this.cgroup(naming(known, containerId)) } };
  }

  /** The agent of our node, with this kubeconfig. */
  async agent(kubeconfig = this.api.kubeconfigFile()): Promise<TestAgent> {
    return TestAgent.start([...this.#flags(), '--kubeconfig', kubeconfig]);
  }

  /** The files of a service account, as kubelet mounts them into its pods. By default the administrator's. */
  serviceAccount(name: string, token = this.api.adminToken): string {
    const folder = join(this.api.folder, name);
    mkdirSync(folder);
    writeFileSync(join(folder, 'ca.crt'), this.api.ca);
    writeFileSync(join(folder, 'token'), token);
    return folder;
  }

  /** The agent as in a pod with this service account. Several start one after the other. */
  async agentInPod(server: string, folder: string): Promise<TestAgent> {
    const started = this.#starting.then(async () => this.#startInPod(server, folder));
    this.#starting = started.catch(() => {});
    return started;
  }

  async #startInPod(server: string, folder: string): Promise<TestAgent> {
    const { hostname, port } = new URL(server);
    const env = { KUBERNETES_SERVICE_HOST: hostname, KUBERNETES_SERVICE_PORT: port };
    const at = '/run/secrets/kubernetes.io/serviceaccount';
    const mounts = withMounts(
      'mount -t tmpfs none "$(readlink -f /var/run)"',
      `mkdir -p ${at}`,
      `mount --bind '${folder}' ${at}`,
    );
    return TestAgent.start(this.#flags(), env, mounts);
  }

  #flags(): string[] {
    const root = this.cgroup('').path;
    return ['--node-name', OWN_NODE, '--cgroup-root', root, '--max-sockets', '16384'];
  }

  async close(): Promise<void> {
    await Promise.all([this.lab.close(), this.api.close()]);
  }

  async #makeNodes(): Promise<void> {
    const { admin } = this.api;
    const { v4, v6 } = this.nodeHost;
    await admin.create(node({ name: OWN_NODE, addresses: [v4, v6], zone: 'zone-a' }));
    for (const [name, zone] of [
      ['node-b', 'zone-b'],
      ['node-c', 'zone-a'],
      ['node-d', ''],
    ] as const)
      await admin.create(node({ name, addresses: await this.farAddresses(), zone }));
  }
}

/** Waits until the agent has read all kinds, and has taken a snapshot after that: what is seen then began later. */
export async function synced(agent: TestAgent): Promise<void> {
  const page = await until(agent, (at) => {
    const samples = at.find('kube_netc_agent_api_synced');
    return samples.length === 4 && samples.every(({ value }) => value === 1);
  });
  const before = page.value('kube_netc_agent_snapshots_total');
  await until(agent, (at) => at.value('kube_netc_agent_snapshots_total') > before + 1);
}

/** The first page for which `holds`, or the last before the limit. */
export async function until(
  agent: TestAgent,
  holds: (page: Page) => boolean,
  limitMs = 60_000,
): Promise<Page> {
  const end = performance.now() + limitMs;
  for (;;) {
    const page = await agent.rawPage();
    if (holds(page) || performance.now() > end) return page;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function makeHosts(
  lab: Lab,
  names: readonly string[],
  networks: { v4: string; v6: string },
): Promise<Host[]> {
  const hosts = await Promise.all(['far', 'nodea', ...names].map(async (name) => lab.host(name)));
  await lab.bridge(hosts, networks);
  // whatever is not on the wire by its own network is still on the wire
  for (const host of hosts) {
    await host.ip('route add default dev eth0\nroute add ::/0 dev eth0');
  }
  return hosts;
}

function withLength(address: string): string {
  return address.includes(':') ? `${address}/128 nodad` : `${address}/32`;
}
