import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Authority } from './authority.ts';

/** Service networks, both families; the API server itself is the first address of each. */
export const SERVICE_NETWORKS = '10.96.0.0/16,fd00:96::/112';
const ALWAYS_NAMED = [
  'IP:127.0.0.1',
  'IP:::1',
  'IP:10.96.0.1',
  'IP:fd00:96::1',
  'DNS:localhost',
  'DNS:kubernetes',
  'DNS:kubernetes.default',
  'DNS:kubernetes.default.svc',
];

/** What the programs of a control plane have in common: keys, names, tokens, in one folder. */
export interface ControlPlane {
  readonly folder: string;
  /** Where the programs are: see build.sh. */
  readonly programs: string;
  readonly authority: Authority;
  /** Of a user in system:masters. */
  readonly adminToken: string;
  readonly etcdUrl: string;
  readonly signingKeyFile: string;
}

export interface ControlPlaneOptions {
  readonly folder: string;
  readonly programs: string;
  readonly etcdUrl: string;
  /** More subjectAltNames of the API server. */
  readonly names?: readonly string[];
}

/** Makes the keys and certificates that the commands below name. */
export async function makeControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  const { folder, programs, etcdUrl, names = [] } = options;
  const authority = await Authority.create(folder);
  const { keyFile } = authority.signingKey('sa');
  const adminToken = randomBytes(18).toString('hex');
  writeFileSync(join(folder, 'tokens.csv'), `${adminToken},admin,admin,"system:masters"\n`, { mode: 0o600 });
  await Promise.all([
    authority.issue('api', {
      subject: '/CN=kube-apiserver',
      usage: 'serverAuth',
      names: [...ALWAYS_NAMED, ...names],
    }),
    // For kubectl logs and exec: the API server asks the kubelet.
    authority.issue('kubelet-client', {
      subject: '/O=system:masters/CN=kube-apiserver',
      usage: 'clientAuth',
    }),
  ]);
  return { folder, programs, authority, adminToken, etcdUrl, signingKeyFile: keyFile };
}

/** The command of etcd. It never syncs its files: they do not outlive the test. */
export function etcdCommand(plane: ControlPlane, peerUrl: string): string[] {
  const urls = ['listen-client-urls', 'advertise-client-urls'].map((name) => `--${name}=${plane.etcdUrl}`);
  const peers = ['listen-peer-urls', 'initial-advertise-peer-urls'].map((name) => `--${name}=${peerUrl}`);
  const own = [
    '--name=test',
    `--initial-cluster=test=${peerUrl}`,
    `--data-dir=${join(plane.folder, 'etcd')}`,
  ];
  return [
    join(plane.programs, 'etcd'),
    ...own,
    ...urls,
    ...peers,
    '--unsafe-no-fsync',
    '--log-level=warn',
    '--max-request-bytes=10000000',
  ];
}

export interface ApiServerCommand {
  /** The address to listen on. */
  readonly bind: string;
  readonly port: number;
  /** What the Service `kubernetes` leads to; '' for a server that has no nodes. */
  readonly advertise: string;
  readonly flags?: readonly string[];
}

/** The command of kube-apiserver: RBAC, real tokens of service accounts, no anonymous requests. */
export function apiServerCommand(plane: ControlPlane, options: ApiServerCommand): string[] {
  const file = (name: string): string => join(plane.folder, name);
  const { bind, port, advertise, flags = [] } = options;
  return [
    join(plane.programs, 'kube-apiserver'),
    `--etcd-servers=${plane.etcdUrl}`,
    `--bind-address=${bind}`,
    `--secure-port=${port}`,
    ...(advertise === ''
      ? ['--advertise-address=127.0.0.1', '--endpoint-reconciler-type=none']
      : [`--advertise-address=${advertise}`]),
    `--service-cluster-ip-range=${SERVICE_NETWORKS}`,
    `--tls-cert-file=${file('api.crt')}`,
    `--tls-private-key-file=${file('api.key')}`,
    `--client-ca-file=${plane.authority.certFile}`,
    `--token-auth-file=${file('tokens.csv')}`,
    '--authorization-mode=Node,RBAC',
    '--anonymous-auth=false',
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-key-file=${file('sa.pub')}`,
    `--service-account-signing-key-file=${plane.signingKeyFile}`,
    `--kubelet-client-certificate=${file('kubelet-client.crt')}`,
    `--kubelet-client-key=${file('kubelet-client.key')}`,
    `--kubelet-certificate-authority=${plane.authority.certFile}`,
    '--kubelet-preferred-address-types=InternalIP',
    '--allow-privileged=true',
    ...flags,
  ];
}
