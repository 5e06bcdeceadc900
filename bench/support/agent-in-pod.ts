import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ApiServer } from '../../test/cluster/support/api-server.ts';
import { TestAgent } from '../../test/support/agent.ts';
import { REAL_TIME } from './holds.ts';

const READS = ['list', 'watch'];
/** Makes the folder of a service account appear where a pod has it, for the command behind it alone. */
const IN_POD = `mount -t tmpfs tmpfs /run && mkdir -p /run/secrets/kubernetes.io &&
cp -r "$0" /run/secrets/kubernetes.io/serviceaccount && exec "$@"`;

/** Runs agents of this server as its pods run: with the token of a service account that may do what the chart's may. */
export async function agentsInPods(
  server: ApiServer,
): Promise<(flags: readonly string[], env?: NodeJS.ProcessEnv) => Promise<TestAgent>> {
  const rules = [
    { apiGroups: [''], resources: ['pods', 'services', 'nodes'], verbs: READS },
    { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: READS },
  ];
  const account = join(server.folder, 'account');
  mkdirSync(account);
  writeFileSync(join(account, 'token'), await server.token('kube-netc', rules, 3600));
  writeFileSync(join(account, 'ca.crt'), server.ca);
  const { hostname, port } = new URL(server.url);
  const pod = { KUBERNETES_SERVICE_HOST: hostname, KUBERNETES_SERVICE_PORT: port, NODE_NAME: 'node-0' };
  const prefix = [...REAL_TIME, 'unshare', '-m', 'sh', '-c', IN_POD, account];
  return (flags, env = {}) => TestAgent.start(flags, { ...pod, ...env }, prefix);
}
