// kube-netc as a user installs it: the image of `npm run image`, config/install.yaml, a real cluster of one node. Two kinds
// of pods talk through a ClusterIP, and the page says who they are and what their programs counted, to the byte.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ACCESS_RULES } from '../../src/cluster/access-rules.ts';
import { NODE } from '../../tools/k8s/node-files.ts';
import { TREE } from '../hosts/find-tool.ts';
import type { TcpTotals } from '../hosts/tcp-traffic.ts';
import { whyNoLab } from '../hosts/why-no-lab.ts';
import { Page } from '../support/page.ts';
import { service } from './support/objects.ts';
import { OneNode } from './support/one-node.ts';
import { whyNoCluster } from './support/programs.ts';
import { SERVER_PORT, serverDeployment, trafficDeployment } from './support/traffic-pods.ts';

const NAMESPACE = 'shop';
const FAMILIES = ['ipv4', 'ipv6'] as const;
const { version } = JSON.parse(readFileSync(join(TREE, 'package.json'), 'utf8')) as { version: string };
const IMAGE = join(TREE, `build/image/kube-netc-${version}.oci.tar`);
const NAMED = { timeout: 40_000, interval: 1_000 } as const;
const SETTLE_MS = 20_000; // two seconds until a name is certain, and a snapshot

const why =
  whyNoLab() ?? whyNoCluster() ?? (existsSync(IMAGE) ? null : `no ${IMAGE}: npm run image makes it`);

interface Pod {
  readonly metadata: { readonly name: string };
  readonly status: {
    readonly podIPs: readonly { readonly ip: string }[];
    readonly containerStatuses: readonly { readonly containerID: string; readonly restartCount: number }[];
  };
}

/** What a client and a server of one family have counted. */
interface Counted {
  readonly family: (typeof FAMILIES)[number];
  readonly pod: string;
  readonly address: string;
  readonly serviceAddress: string;
  readonly totals: TcpTotals;
}

beforeEach((context) => {
  if (why !== null) context.skip(why);
});

/** What a client says at its end. */
function totalsOf(log: string): TcpTotals {
  const line = log.split('\n').find((each) => each.startsWith('{"event":"end"'));
  const totals = JSON.parse(line ?? '{}') as TcpTotals;
  expect(totals.errors).toBe(0);
  return totals;
}

describe('kube-netc in a cluster', () => {
  let cluster: OneNode;
  let agent: string;
  let server: Pod;
  let counted: Counted[];
  let page: Page;

  const podOf = async (namespace: string, selector: string): Promise<Pod> => {
    const { items } = await cluster.get<{ items: Pod[] }>('-n', namespace, 'pods', '-l', selector);
    const [pod, ...more] = items;
    if (!pod || more.length > 0) throw new Error(`${items.length} pods of ${selector}`);
    return pod;
  };
  const readPage = async (): Promise<Page> =>
    new Page(
      await cluster.kubectl([
        'get',
        '--raw',
        `/api/v1/namespaces/kube-netc/pods/${agent}:9655/proxy/metrics`,
      ]),
    );

  beforeAll(async () => {
    if (why !== null) return;
    cluster = await OneNode.up();
    await cluster.import(IMAGE);
    await cluster.kubectl(['apply', '-f', join(TREE, 'config/install.yaml')]);
    await cluster.rolledOut('kube-netc', 'daemonset/kube-netc');
    agent = (await podOf('kube-netc', 'app.kubernetes.io/name=kube-netc')).metadata.name;
    await cluster.kubectl(['create', 'namespace', NAMESPACE]);
    await cluster.apply(
      service({
        name: 'web',
        namespace: NAMESPACE,
        selector: { app: 'web' },
        port: 80,
        targetPort: SERVER_PORT,
        spec: { ipFamilyPolicy: 'RequireDualStack', type: 'NodePort' },
      }),
      serverDeployment('web', NAMESPACE),
      ...FAMILIES.map((family) =>
        trafficDeployment({
          name: `client-${family}`,
          namespace: NAMESPACE,
          command: ['/exact-tcp-server', '--port', String(SERVER_PORT)], // it waits; clients are started by exec
          labels: { 'app.kubernetes.io/part-of': 'the-shop' },
        }),
      ),
    );
    for (const name of ['web', ...FAMILIES.map((family) => `client-${family}`)])
      await cluster.rolledOut(NAMESPACE, `deployment/${name}`);
    server = await podOf(NAMESPACE, 'app=web');
    const { spec } = await cluster.get<{ spec: { clusterIPs: string[] } }>('-n', NAMESPACE, 'service', 'web');
    counted = await Promise.all(FAMILIES.map(async (family, i) => talk(family, spec.clusterIPs[i] ?? '', i)));
    const end = performance.now() + SETTLE_MS;
    do page = await readPage();
    while (shown() < sum(({ wroteBytes }) => wroteBytes) && performance.now() < end);
  }, 400_000);
  afterAll(async () => cluster?.down());

  async function talk(family: Counted['family'], serviceAddress: string, i: number): Promise<Counted> {
    const { metadata, status } = await podOf(NAMESPACE, `app=client-${family}`);
    const client = ['/exact-tcp-client', '--address', serviceAddress, '--port', '80', '--connections', '200'];
    const sizes = ['--rounds', '3', '--request', '16-9000', '--response', '0-9000', '--close', 'mixed'];
    const log = await cluster.kubectl(['-n', NAMESPACE, 'exec', metadata.name, '--', ...client, ...sizes]);
    const totals = totalsOf(log);
    expect(totals.connections).toBe(200);
    return { family, pod: metadata.name, address: status.podIPs[i]?.ip ?? '', serviceAddress, totals };
  }

  const sum = (of: (totals: TcpTotals) => number): number =>
    counted.reduce((all, { totals }) => all + of(totals), 0);
  const shown = (): number =>
    page.sum('bytes_sent', { destination_kind: 'service', destination_name: 'web' });

  it('is ready, with two capabilities and what the API server tells', async () => {
    const synced = page.find('kube_netc_agent_api_synced').map(({ value }) => value);
    expect(synced).toEqual([1, 1, 1, 1]);
    const [pid = 0] = cluster.processesOf(
      (await podOf('kube-netc', 'app.kubernetes.io/name=kube-netc')).status.containerStatuses[0]
        ?.containerID ?? '',
    );
    // CAP_PERFMON is 38, CAP_BPF 39 (include/uapi/linux/capability.h)
    expect(/^CapEff:\t([0-9a-f]+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]).toBe(
      ((1n << 38n) | (1n << 39n)).toString(16).padStart(16, '0'),
    );
  });

  it('names both ends of every byte that clients send and receive through a ClusterIP', () => {
    for (const { pod, address, serviceAddress, totals } of counted) {
      const ends = {
        source_address: address,
        source_kind: 'pod',
        source_name: pod,
        source_namespace: NAMESPACE,
        source_node: 'node-1',
        part_of: 'the-shop',
        destination_kind: 'service',
        destination_name: 'web',
        destination_namespace: NAMESPACE,
        destination_node: '',
      };
      expect([page.sum('bytes_sent', ends), page.sum('bytes_recv', ends)]).toEqual([
        totals.wroteBytes,
        totals.readBytes + totals.unreadBytes,
      ]);
      expect(page.pair(address, serviceAddress)).toMatchObject({ sentBytes: totals.wroteBytes });
    }
  });

  it('names both ends of every byte that the server sends and receives', () => {
    for (const { pod, address, totals } of counted) {
      const ends = {
        source_kind: 'pod',
        source_name: server.metadata.name,
        source_namespace: NAMESPACE,
        source_node: 'node-1',
        destination_kind: 'pod',
        destination_name: pod,
        destination_namespace: NAMESPACE,
        destination_node: 'node-1',
      };
      expect(page.sum('bytes_recv', ends)).toBe(totals.wroteBytes);
      expect(page.sum('bytes_sent', ends)).toBeGreaterThanOrEqual(totals.readBytes);
      const own = server.status.podIPs.map(({ ip }) => ip);
      expect(own.reduce((all, ip) => all + page.pair(ip, address).receivedBytes, 0)).toBe(totals.wroteBytes);
    }
  });

  it('tells workloads, the Service between them, and how near they are, from both ends', () => {
    for (const { family, totals } of counted) {
      const edge = {
        source_workload: `client-${family}`,
        source_kind: 'Deployment',
        source_namespace: NAMESPACE,
        destination_workload: 'web',
        destination_kind: 'Deployment',
        destination_namespace: NAMESPACE,
        destination_service: 'web',
        protocol: 'tcp',
      };
      const sent = (reporter: object): number =>
        page.sum('kube_netc_edge_bytes_total', { ...edge, ...reporter, direction: 'to_server' });
      expect(sent({ reporter: 'source', destination_port: '80' })).toBe(totals.wroteBytes);
      expect(
        sent({ reporter: 'destination', destination_port: String(SERVER_PORT), scope: 'same_node' }),
      ).toBe(totals.wroteBytes);
    }
  });

  /** The bytes that a pod has sent to the Service by a port of its own node, which kube-proxy's rules translate there. */
  const sentByNodePort = async (pod: string): Promise<number> =>
    (await readPage()).sum('bytes_sent', {
      source_name: pod,
      source_namespace: NAMESPACE,
      source_kind: 'pod',
      destination_address: `${NODE.v4}:${await nodePort()}`,
      destination_kind: 'service',
      destination_name: 'web',
      destination_namespace: NAMESPACE,
    });
  const nodePort = async (): Promise<number> => {
    const web = await cluster.get<{ spec: { ports: { nodePort: number }[] } }>(
      '-n',
      NAMESPACE,
      'service',
      'web',
    );
    return web.spec.ports[0]?.nodePort ?? 0;
  };
  const nodePortClient = async (): Promise<string[]> => {
    const to = ['--address', NODE.v4, '--port', String(await nodePort()), '--connections', '20'];
    return ['/exact-tcp-client', ...to, '--rounds', '2', '--request', '16-9000', '--response', '0-9000'];
  };

  it('names the node where its own programs speak', async () => {
    const ofApiServer = { source_address: NODE.v4, destination_address: `${NODE.v4}:6443` };
    const kubelet = page.find('bytes_sent', ofApiServer).map(({ labels }) => labels);
    expect(kubelet.length).toBeGreaterThan(0);
    for (const labels of kubelet) {
      expect(labels).toMatchObject({ source_name: NODE.name, source_kind: 'node', source_node: NODE.name });
    }
  });

  it('names the Service that is asked for by a port of the node itself', async () => {
    const { pod } = counted[0]!;
    const client = await nodePortClient();
    const totals = totalsOf(await cluster.kubectl(['-n', NAMESPACE, 'exec', pod, '--', ...client]));
    await expect.poll(() => sentByNodePort(pod), NAMED).toBe(totals.wroteBytes);
  });

  it('names the pod that an ephemeral container is in, whose log says what it has sent', async () => {
    const { pod } = counted[1]!;
    const image = ['--image=localhost/traffic:1', '--image-pull-policy=Never', '-c', 'debug'];
    await cluster.kubectl(['-n', NAMESPACE, 'debug', pod, ...image, '--', ...(await nodePortClient())]);
    const log = async (): Promise<string> =>
      cluster.kubectl(['-n', NAMESPACE, 'logs', pod, '-c', 'debug']).catch(() => ''); // not started yet
    await expect.poll(log, NAMED).toContain('"event":"end"');
    const totals = totalsOf(await log());
    await expect.poll(() => sentByNodePort(pod), NAMED).toBe(totals.wroteBytes);
  });

  it('answers a command in its pod', async () => {
    const audit = await cluster.kubectl([
      '-n',
      'kube-netc',
      'exec',
      agent,
      '--',
      'kube-netc',
      'audit',
      '--for',
      '2s',
    ]);
    expect(audit).toContain('verdict: ');
    const doctor = await cluster.kubectl(['-n', 'kube-netc', 'exec', agent, '--', 'kube-netc', 'doctor']);
    expect(doctor).toContain('The agent runs here');
    expect(doctor).toMatch(
      /^credentials +ok +a token of system:serviceaccount:kube-netc:kube-netc, good for /m,
    );
    expect(doctor).toMatch(/^API server +ok +v1\./m);
    expect(doctor).toMatch(/^node name +ok +/m);
    expect(doctor.match(/^right: \S+ +ok +/gm)).toHaveLength(ACCESS_RULES.length);
  });

  it('is gone when its manifest is deleted', async () => {
    await cluster.kubectl(['delete', '-f', join(TREE, 'config/install.yaml'), '--ignore-not-found']);
    const left = await cluster.kubectl([
      'get',
      'namespaces,priorityclasses,clusterroles,clusterrolebindings',
      '-o',
      'name',
    ]);
    expect(left.split('\n').filter((name) => name.includes('kube-netc'))).toEqual([]);
  });
});
