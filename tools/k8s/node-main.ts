// The one-node cluster itself: starts its programs in order, then watches over them. Started by cluster.ts inside the
// node's namespaces: node-main.ts FOLDER. It says in FOLDER/phase how far it is.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readState, writePhase, type ClusterState } from './cluster-state.ts';
import { apiServerCommand, etcdCommand, makeControlPlane, type ControlPlane } from './control-plane.ts';
import { httpsStatus } from './https-status.ts';
import { LoggedProcess } from './logged-process.ts';
import { nodeCommands } from './node-commands.ts';
import { API_PORT, CONTAINERD_SOCKET, NODE, writeNodeFiles, type NodeFiles } from './node-files.ts';
import { importImage } from './import-image.ts';

const START_LIMIT_MS = 180_000;
const [folder = ''] = process.argv.slice(2);
const state = readState(folder);
const running: LoggedProcess[] = [];

function start(argv: readonly string[]): LoggedProcess {
  const name = argv[0]?.split('/').at(-1) ?? '';
  writePhase(folder, `starting ${name}`);
  const PATH = [join(state.runtime, 'bin'), process.env['PATH']].join(delimiter);
  const child = new LoggedProcess(argv, join(folder, 'logs', `${name}.log`), { ...process.env, PATH });
  running.push(child);
  return child;
}

async function until(what: string, ready: () => boolean | Promise<boolean>): Promise<void> {
  writePhase(folder, `waiting for ${what}`);
  const end = performance.now() + START_LIMIT_MS;
  while (!(await ready())) {
    const dead = running.find((child) => !child.running);
    if (dead) throw new Error(dead.lastWords());
    if (performance.now() > end) throw new Error(`${what} took longer than ${START_LIMIT_MS / 1000} s`);
    await sleep(100);
  }
}

async function startControlPlane(): Promise<ControlPlane> {
  const names = [`IP:${NODE.v4}`, `IP:${NODE.v6}`];
  const etcdUrl = 'http://127.0.0.1:2379';
  const plane = await makeControlPlane({ folder, programs: state.programs, etcdUrl, names });
  start(etcdCommand(plane, 'http://127.0.0.1:2380'));
  // It waits for etcd by itself.
  start(apiServerCommand(plane, { bind: '::', port: API_PORT, advertise: NODE.v4 }));
  await until('the API server', async () => {
    return (
      (await httpsStatus(`https://127.0.0.1:${API_PORT}/readyz`, plane.authority.pem, plane.adminToken)) ===
      200
    );
  });
  return plane;
}

async function startContainerd({ images, runtime }: ClusterState, files: NodeFiles): Promise<void> {
  start([join(runtime, 'bin/containerd'), '--config', files.containerd]);
  await until('containerd', () => existsSync(CONTAINERD_SOCKET));
  for (const image of images) importImage(runtime, image);
}

/** Whether kubectl prints something for this question. */
function answers(files: NodeFiles, ...question: string[]): boolean {
  const kubectl = join(state.programs, 'kubectl');
  try {
    const argv = ['--kubeconfig', files.kubeconfig, ...question];
    return (
      execFileSync(kubectl, argv, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim() !== ''
    );
  } catch {
    return false;
  }
}

async function main(): Promise<void> {
  mkdirSync(join(folder, 'logs'), { recursive: true });
  const plane = await startControlPlane();
  const { runtime, cgroup, proxyMode } = state;
  const files = await writeNodeFiles({ plane, runtime, cgroup, proxyMode });
  await startContainerd(state, files);
  for (const command of nodeCommands(plane, files)) start(command);
  const ready = ['wait', '--for=condition=Ready', `node/${NODE.name}`, '--timeout=1s'];
  await until('the node', () => answers(files, ...ready));
  await until('service accounts', () => answers(files, 'get', 'serviceaccount', 'default', '-o', 'name'));
  await until(
    'kube-proxy',
    async () => (await fetch('http://127.0.0.1:10256/healthz').catch(() => null))?.ok === true,
  );
  writePhase(folder, 'ready');
  const ended = running.map(async (child) => child.ended.then(() => child));
  const first = await Promise.race(ended);
  throw new Error(first.lastWords());
}

try {
  await main();
} catch (error) {
  writePhase(folder, `failed: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
  for (const child of running) child.signal('SIGKILL');
}
