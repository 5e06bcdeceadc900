import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { CONTAINERD_SOCKET } from './node-files.ts';

/** Gives containerd an image out of a tar of an OCI layout, for the pods of Kubernetes. Inside the node's namespaces. */
export function importImage(runtime: string, archive: string): void {
  const where = ['--address', CONTAINERD_SOCKET, '--namespace', 'k8s.io'];
  execFileSync(join(runtime, 'bin/ctr'), [...where, 'images', 'import', archive], { stdio: 'pipe' });
}
