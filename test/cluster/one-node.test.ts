// A real cluster of one node: kubelet, containerd, kube-proxy. Two Deployments talk through a ClusterIP.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { TcpTotals } from '../hosts/tcp-traffic.ts';
import { whyNoLab } from '../hosts/why-no-lab.ts';
import { service } from './support/objects.ts';
import { OneNode } from './support/one-node.ts';
import { whyNoCluster } from './support/programs.ts';
import { SERVER_PORT, serverDeployment, trafficDeployment } from './support/traffic-pods.ts';

const why = whyNoLab() ?? whyNoCluster();
const NAMESPACE = 'shop';
const FAMILIES = ['IPv4', 'IPv6'] as const;

interface PodList {
  readonly items: readonly {
    readonly metadata: { readonly name: string };
    readonly status: {
      readonly podIPs: readonly { readonly ip: string }[];
      readonly containerStatuses: readonly { readonly restartCount: number; readonly containerID: string }[];
    };
  }[];
}

/** The object of totals that a program has printed at this event. */
function totalsOf(log: string, event: 'ready' | 'end'): TcpTotals {
  const line = log.split('\n').find((each) => each.startsWith(`{"event":"${event}"`));
  if (line === undefined) throw new Error(`no ${event} in ${log}`);
  return JSON.parse(line) as TcpTotals;
}

beforeEach((context) => {
  if (why !== null) context.skip(why);
});

describe('a cluster of one node', () => {
  let cluster: OneNode;
  let addresses: string[];

  beforeAll(async () => {
    if (why !== null) return;
    cluster = await OneNode.up();
    await cluster.kubectl(['create', 'namespace', NAMESPACE]);
    const web = service({
      name: 'web',
      namespace: NAMESPACE,
      selector: { app: 'web' },
      port: 80,
      targetPort: SERVER_PORT,
      spec: { ipFamilyPolicy: 'RequireDualStack' },
    });
    await cluster.apply(web, serverDeployment('web', NAMESPACE));
    await cluster.rolledOut(NAMESPACE, 'deployment/web');
    const { spec } = await cluster.get<{ spec: { clusterIPs: string[] } }>('-n', NAMESPACE, 'service', 'web');
    addresses = spec.clusterIPs;
    const clients = addresses.map((address, i) =>
      trafficDeployment({
        name: `client-${FAMILIES[i]?.toLowerCase()}`,
        namespace: NAMESPACE,
        command: ['/exact-tcp-hold', '--address', address, '--port', '80', '--connections', '20', ...SIZES],
        stdin: true,
      }),
    );
    await cluster.apply(...clients);
    for (const { metadata } of clients) await cluster.rolledOut(NAMESPACE, `deployment/${metadata.name}`);
  }, 400_000);
  afterAll(async () => cluster?.down());

  const SIZES = ['--request', '16-9000', '--response', '0-9000'];

  it('has a node with addresses and pod networks of both families, and a zone', async () => {
    const node = await cluster.get<{ items: unknown[] }>('nodes');
    expect(node.items).toMatchObject([
      {
        metadata: { labels: { 'topology.kubernetes.io/zone': 'zone-a' } },
        spec: { podCIDRs: ['10.244.0.0/24', 'fd00:10:244::/64'] },
        status: { addresses: [{ address: '192.0.2.10' }, { address: '2001:db8::10' }, {}] },
      },
    ]);
  });

  it('has pods with addresses of both families', async () => {
    const pods = await cluster.get<PodList>('-n', NAMESPACE, 'pods');
    expect(pods.items).toHaveLength(3);
    for (const { status } of pods.items) {
      const [v4, v6] = status.podIPs.map(({ ip }) => ip);
      expect(v4).toMatch(/^10\.244\.0\./);
      expect(v6).toMatch(/^fd00:10:244::/);
    }
  });

  it('carries between two Deployments, through a ClusterIP, exactly what the programs say', async () => {
    const held = await Promise.all(
      FAMILIES.map(async (family) => {
        const logs = ['-n', NAMESPACE, 'logs', `deployment/client-${family.toLowerCase()}`];
        let log = '';
        await expect
          .poll(async () => (log = await cluster.kubectl(logs)), { timeout: 30_000, interval: 200 })
          .toContain('"ready"');
        return totalsOf(log, 'ready');
      }),
    );
    const short = await Promise.all(
      FAMILIES.map(async (family, i) => {
        const client = ['/exact-tcp-client', '--address', addresses[i] ?? '', '--port', '80'];
        const deployment = `deployment/client-${family.toLowerCase()}`;
        const many = ['--connections', '50', '--rounds', '3', ...SIZES];
        return totalsOf(
          await cluster.kubectl(['-n', NAMESPACE, 'exec', deployment, '--', ...client, ...many]),
          'end',
        );
      }),
    );
    const clients = [...held, ...short];
    const sum = (of: (totals: TcpTotals) => number): number =>
      clients.reduce((all, each) => all + of(each), 0);
    expect(sum(({ errors }) => errors)).toBe(0);
    expect(sum(({ connections }) => connections)).toBe(2 * (20 + 50));

    const { items } = await cluster.get<PodList>('-n', NAMESPACE, 'pods', '-l', 'app=web');
    const [server = 0, ...more] = cluster.processesOf(
      items[0]?.status.containerStatuses[0]?.containerID ?? '',
    );
    expect(more).toEqual([]);
    process.kill(server, 'SIGTERM');
    await expect.poll(async () => restartsOf(cluster, 'app=web'), { timeout: 30_000, interval: 500 }).toBe(1);
    const served = await cluster.kubectl(['-n', NAMESPACE, 'logs', '--previous', 'deployment/web']);
    expect(totalsOf(served, 'end')).toMatchObject({
      connections: sum(({ connections }) => connections),
      readBytes: sum(({ wroteBytes }) => wroteBytes),
      wroteBytes: sum(({ readBytes }) => readBytes),
      errors: 0,
    });
  });

  it('leaves nothing behind', async () => {
    expect(cluster.remains()).not.toEqual([]);
    await cluster.down();
    expect(cluster.remains()).toEqual([]);
  });
});

async function restartsOf(cluster: OneNode, selector: string): Promise<number> {
  const { items } = await cluster.get<PodList>('-n', NAMESPACE, 'pods', '-l', selector);
  return items.reduce((all, { status }) => all + (status.containerStatuses[0]?.restartCount ?? 0), 0);
}
