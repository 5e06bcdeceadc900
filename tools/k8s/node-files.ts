import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ControlPlane } from './control-plane.ts';
import { kubeconfig } from './kubeconfig.ts';

/** The node's name and addresses: documentation networks, RFC 5737 and RFC 3849, in its network namespace alone. */
export const NODE = {
  name: 'node-1',
  v4: '192.0.2.10',
  v6: '2001:db8::10',
  zone: 'zone-a',
  region: 'region-1',
};
/** Pod networks of the cluster, and the node's parts of them, which the controller manager gives out first. */
export const POD_NETWORKS = '10.244.0.0/16,fd00:10:244::/56';
const NODE_PODS = ['10.244.0.0/24', 'fd00:10:244::/64'];
export const API_PORT = 6443;
const SERVER = `https://${NODE.v4}:${API_PORT}`;
/** Of containerd; in the node's own /run. */
export const CONTAINERD_SOCKET = '/run/containerd/containerd.sock';

export interface NodeFiles {
  /** The administrator's. */
  readonly kubeconfig: string;
  readonly kubelet: string;
  readonly kubeletKubeconfig: string;
  readonly containerd: string;
  readonly proxy: string;
  readonly controllers: string;
  readonly scheduler: string;
}

export interface NodeOptions {
  readonly plane: ControlPlane;
  /** bin/ and cni/ of the container runtime. */
  readonly runtime: string;
  /** The cgroup that holds the node's. */
  readonly cgroup: string;
  readonly proxyMode: string;
}

type Put = (name: string, content: unknown) => string;

/** Who each program is to the API server: what kubeadm calls them, so that the roles that come with it fit. */
const USERS = {
  kubelet: `/O=system:nodes/CN=system:node:${NODE.name}`,
  proxy: '/CN=system:kube-proxy',
  controllers: '/CN=system:kube-controller-manager',
  scheduler: '/CN=system:kube-scheduler',
} as const;

/** Writes what the programs of the node read, into the folder of the control plane. */
export async function writeNodeFiles({ plane, runtime, cgroup, proxyMode }: NodeOptions): Promise<NodeFiles> {
  const { folder, authority } = plane;
  const put: Put = (name, content) => {
    const file = join(folder, name);
    writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content), { mode: 0o600 });
    return file;
  };
  const [kubeletKubeconfig, proxyKubeconfig, controllers, scheduler, serving] = await Promise.all([
    writeKubeconfig(plane, put, 'kubelet'),
    writeKubeconfig(plane, put, 'proxy'),
    writeKubeconfig(plane, put, 'controllers'),
    writeKubeconfig(plane, put, 'scheduler'),
    authority.issue('kubelet', {
      subject: `/CN=${NODE.name}`,
      usage: 'serverAuth',
      names: [`DNS:${NODE.name}`, `IP:${NODE.v4}`, `IP:${NODE.v6}`],
    }),
  ]);
  const cni = join(folder, 'cni');
  mkdirSync(cni, { recursive: true });
  put('cni/10-bridge.conflist', cniConfig(join(folder, 'addresses')));
  put('resolv.conf', '');
  return {
    kubeconfig: put('admin.kubeconfig', kubeconfig(SERVER, authority.pem, { token: plane.adminToken })),
    kubelet: put('kubelet.yaml', kubeletConfig(folder, authority.certFile, serving, cgroup)),
    kubeletKubeconfig,
    containerd: put('containerd.toml', containerdConfig(folder, runtime, cni)),
    proxy: put('proxy.yaml', proxyConfig(proxyKubeconfig, proxyMode)),
    controllers,
    scheduler,
  };
}

async function writeKubeconfig(plane: ControlPlane, put: Put, name: keyof typeof USERS): Promise<string> {
  const { authority } = plane;
  const who = await authority.issue(`${name}-user`, { subject: USERS[name], usage: 'clientAuth' });
  return put(`${name}.kubeconfig`, kubeconfig(SERVER, authority.pem, who));
}

function kubeletConfig(
  folder: string,
  clientCAFile: string,
  serving: { readonly keyFile: string; readonly certFile: string },
  cgroup: string,
): unknown {
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    address: '::',
    authentication: { anonymous: { enabled: false }, webhook: { enabled: true }, x509: { clientCAFile } },
    authorization: { mode: 'Webhook' },
    tlsCertFile: serving.certFile,
    tlsPrivateKeyFile: serving.keyFile,
    cgroupDriver: 'cgroupfs',
    cgroupRoot: `/${cgroup}`,
    enforceNodeAllocatable: ['pods'],
    failCgroupV1: false,
    failSwapOn: false,
    containerRuntimeEndpoint: `unix://${CONTAINERD_SOCKET}`,
    resolvConf: join(folder, 'resolv.conf'),
    makeIPTablesUtilChains: false, // there may be no iptables
    evictionHard: { 'memory.available': '50Mi', 'nodefs.available': '1%', 'imagefs.available': '1%' },
    imageGCHighThresholdPercent: 100,
    imageGCLowThresholdPercent: 99,
    nodeStatusUpdateFrequency: '5s',
    shutdownGracePeriod: '0s',
  };
}

function containerdConfig(folder: string, runtime: string, cni: string): string {
  const cri = 'plugins."io.containerd.grpc.v1.cri"';
  const runc = `${cri}.containerd.runtimes.runc`;
  return `version = 2
root = "${join(folder, 'containerd')}"
state = "/run/containerd"
[grpc]
  address = "${CONTAINERD_SOCKET}"
[${cri}]
  restrict_oom_score_adj = true  # without CAP_SYS_RESOURCE
  sandbox_image = "localhost/pause:1"
  [${cri}.cni]
    bin_dir = "${join(runtime, 'cni')}"
    conf_dir = "${cni}"
  [${cri}.containerd]
    snapshotter = "overlayfs"
    [${runc}]
      runtime_type = "io.containerd.runc.v2"
      [${runc}.options]
        SystemdCgroup = false
`;
}

function cniConfig(dataDir: string): unknown {
  const routes = [{ dst: '0.0.0.0/0' }, { dst: '::/0' }];
  const ranges = NODE_PODS.map((subnet) => [{ subnet }]);
  const ipam = { type: 'host-local', dataDir, ranges, routes };
  const bridge = { type: 'bridge', bridge: 'pods0', isGateway: true, ipMasq: false, hairpinMode: true, ipam };
  return { cniVersion: '0.4.0', name: 'pods', plugins: [bridge] };
}

function proxyConfig(kubeconfigFile: string, mode: string): unknown {
  // 0: what the kernel has; not every namespace may change it.
  const conntrack = { maxPerCore: 0, min: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' };
  return {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    clientConnection: { kubeconfig: kubeconfigFile },
    mode,
    clusterCIDR: POD_NETWORKS,
    hostnameOverride: NODE.name,
    conntrack,
  };
}
