import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { TREE } from '../../hosts/find-tool.ts';

const BUILD = join(TREE, 'tools/k8s/build.sh');

function find(names: readonly string[]): { readonly folder: string | null; readonly said: string } {
  const { status, stdout, stderr } = spawnSync('sh', [BUILD, '--find', ...names], { encoding: 'utf8' });
  return { folder: status === 0 ? stdout.trim() : null, said: stderr.trim() };
}

/** Where programs of Kubernetes are. Throws when one is not built. */
export function findPrograms(...names: string[]): string {
  const { folder, said } = find(names);
  if (folder === null) throw new Error(said);
  return folder;
}

/** Why there can be no API server here, or null: where Go or its modules are not to be had, the set-up builds none. */
export function whyNoApiServer(): string | null {
  const { folder, said } = find(['etcd', 'kube-apiserver']);
  return folder === null ? said : null;
}

/** Why there can be no cluster of one node here, or null. */
export function whyNoCluster(): string | null {
  const { folder, said } = find([
    'etcd',
    'kube-apiserver',
    'kube-controller-manager',
    'kube-scheduler',
    ...NODE_PROGRAMS,
  ]);
  return folder === null ? `${said}; sh tools/k8s/cluster.sh set-up brings them` : null;
}

const NODE_PROGRAMS = ['kubectl', 'kubelet', 'kube-proxy'];
