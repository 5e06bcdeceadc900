import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** What `up` decides and the others need. */
export interface ClusterState {
  /** Where the programs of Kubernetes are. */
  readonly programs: string;
  /** bin/ and cni/ of the container runtime. */
  readonly runtime: string;
  /** Name of the cgroup at the top of every hierarchy. */
  readonly cgroup: string;
  readonly proxyMode: string;
  /** Archives that containerd gets. */
  readonly images: readonly string[];
}

export function writeState(folder: string, state: ClusterState): void {
  writeFileSync(join(folder, 'cluster.json'), JSON.stringify(state));
}

export function readState(folder: string): ClusterState {
  return JSON.parse(readFileSync(join(folder, 'cluster.json'), 'utf8')) as ClusterState;
}

/** How far the cluster is: `ready`, `failed: why`, or what it waits for. */
export function writePhase(folder: string, phase: string): void {
  writeFileSync(join(folder, 'phase.new'), phase);
  renameSync(join(folder, 'phase.new'), join(folder, 'phase'));
}

export function readPhase(folder: string): string {
  const file = join(folder, 'phase');
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
}
