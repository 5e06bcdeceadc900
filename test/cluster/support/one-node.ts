import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { cgroupRoots } from '../../../tools/k8s/cgroup-roots.ts';
import { TREE } from '../../hosts/find-tool.ts';
import { run } from '../../hosts/host-process.ts';
import type { KubeObject } from './kube-object.ts';

const SCRIPT = join(TREE, 'tools/k8s/cluster.sh');
/** Its folder unless KUBE_NETC_CLUSTER says otherwise. */
const FOLDER = process.env['KUBE_NETC_CLUSTER'] ?? join(TREE, '.cache/cluster');
const UP_LIMIT_MS = 300_000;
const COMMAND_LIMIT_MS = 120_000;

/** The cluster of tools/k8s/cluster.sh: a real node with real pods. One at a time in a checkout. */
export class OneNode {
  readonly folder = FOLDER;

  /** Starts it anew. Takes half a minute; needs root and its programs, see cluster.sh set-up. */
  static async up(): Promise<OneNode> {
    const cluster = new OneNode();
    await cluster.down();
    await run(['sh', SCRIPT, 'up'], '', UP_LIMIT_MS);
    return cluster;
  }

  /** What kubectl prints. Throws what it complains of. */
  async kubectl(args: readonly string[], input = ''): Promise<string> {
    return run(['sh', SCRIPT, 'kubectl', ...args], input, COMMAND_LIMIT_MS);
  }

  /** Runs a command in the node's network and mounts. */
  async enter(argv: readonly string[]): Promise<string> {
    return run(['sh', SCRIPT, 'enter', ...argv], '', COMMAND_LIMIT_MS);
  }

  /** Gives the node an image: a tar of an OCI layout. */
  async import(archive: string): Promise<void> {
    await run(['sh', SCRIPT, 'import', archive], '', COMMAND_LIMIT_MS);
  }

  async get<T>(...what: string[]): Promise<T> {
    return JSON.parse(await this.kubectl(['get', ...what, '-o', 'json'])) as T;
  }

  async apply(...items: KubeObject[]): Promise<void> {
    await this.kubectl(['apply', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
  }

  /** Waits until all replicas of a Deployment or DaemonSet are ready: `deployment/web`. */
  async rolledOut(namespace: string, what: string): Promise<void> {
    await this.kubectl([
      '-n',
      namespace,
      'rollout',
      'status',
      what,
      `--timeout=${COMMAND_LIMIT_MS / 1000 - 10}s`,
    ]);
  }

  /** The processes of a container on this machine: the node shares process ids with it. `id` as in the pod's status. */
  processesOf(id: string): number[] {
    const hash = id.replace(/^.*:\/\//, '');
    if (!/^[0-9a-f]{64}$/.test(hash)) throw new Error(`${id} is no container`);
    return processes().filter((pid) => read(`/proc/${pid}/cgroup`).includes(hash));
  }

  async down(): Promise<void> {
    await run(['sh', SCRIPT, 'down'], '', COMMAND_LIMIT_MS);
  }

  /** What there still is of it on the machine: processes, mounts, cgroups, files. */
  remains(): string[] {
    const hash = createHash('sha256').update(FOLDER).digest('hex').slice(0, 8);
    const running = processes().filter((pid) => read(`/proc/${pid}/cmdline`).includes(FOLDER));
    const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .filter((line) => line.includes(FOLDER) || line.includes(' - overlay node-'));
    const files = existsSync(FOLDER) ? [FOLDER] : [];
    return [
      ...running.map((pid) => `process ${pid}`),
      ...mounts,
      ...cgroupRoots(`kube-netc-node-${hash}`),
      ...files,
    ];
  }
}

function processes(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

/** '' for a process that has ended. */
function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
