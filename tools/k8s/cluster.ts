// A real cluster of one node on this machine: see cluster.sh, which runs this.
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { enterCgroup, makeCgroupRoots, removeCgroupRoots } from './cgroup-roots.ts';
import { readPhase, writePhase, writeState } from './cluster-state.ts';
import { NODE } from './node-files.ts';
import { makeTestImages } from './test-image.ts';

const PROGRAMS = [
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
  'kubectl',
  'kubelet',
  'kube-proxy',
];
const HERE = import.meta.dirname;
const UP_LIMIT_MS = 300_000;

const [command = '', folder = ''] = process.argv.slice(2);
const cgroup = `kube-netc-node-${createHash('sha256').update(folder).digest('hex').slice(0, 8)}`;

/** Runs a script of this folder; its progress goes to stderr. Returns its last line. */
function lastLine(script: string, ...args: string[]): string {
  const said = execFileSync('sh', [join(HERE, script), ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return said.trim().split('\n').at(-1) ?? '';
}

function prepare(): { readonly programs: string; readonly runtime: string } {
  return { programs: lastLine('build.sh', ...PROGRAMS), runtime: lastLine('node-packages.sh') };
}

/** The pid of the node's first process, while it runs. */
function nodePid(): number | null {
  const file = join(folder, 'pid');
  if (!existsSync(file)) return null;
  const pid = Number(readFileSync(file, 'utf8'));
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(folder) ? pid : null;
  } catch {
    return null;
  }
}

async function up(): Promise<void> {
  if (nodePid() !== null && readPhase(folder) === 'ready') {
    console.log('the cluster is up already');
    return;
  }
  if (/^\/(etc|var|run)\//.test(folder)) throw new Error(`${folder}: not below /etc, /var or /run`);
  const { programs, runtime } = prepare();
  await down();
  mkdirSync(folder, { recursive: true });
  const compiler = process.env['CC'] ?? 'cc';
  const images = makeTestImages(join(folder, 'images'), compiler);
  writeState(folder, {
    programs,
    runtime,
    cgroup,
    images,
    proxyMode: process.env['PROXY_MODE'] ?? 'nftables',
  });
  makeCgroupRoots(cgroup);
  startNode();
  await untilReady();
}

function startNode(): void {
  writePhase(folder, 'starting');
  const log = openSync(join(folder, 'node.log'), 'a');
  const world = ['sh', join(HERE, 'node-world.sh'), folder];
  const first = [
    process.execPath,
    '--disable-warning=ExperimentalWarning',
    join(HERE, 'node-main.ts'),
    folder,
  ];
  // A moment to be put into its cgroup, which all that it starts inherits.
  const wait = ['sh', '-c', 'read -r _; exec "$@"', 'node'];
  const namespaces = ['unshare', '--net', '--mount', '--ipc', '--propagation', 'private'];
  const [program = '', ...args] = [...wait, ...namespaces, ...world, ...first];
  const env = { ...process.env, NODE_V4: NODE.v4, NODE_V6: NODE.v6 };
  const child = spawn(program, args, { detached: true, stdio: ['pipe', log, log], env });
  closeSync(log);
  if (child.pid === undefined) throw new Error('the node does not start');
  enterCgroup(cgroup, child.pid);
  writeFileSync(join(folder, 'pid'), String(child.pid));
  child.stdin?.end('go\n');
  child.unref();
}

async function untilReady(): Promise<void> {
  const end = performance.now() + UP_LIMIT_MS;
  let told = '';
  for (;;) {
    const phase = readPhase(folder);
    if (phase !== told) console.error(`k8s: ${phase}`);
    told = phase;
    if (phase === 'ready') break;
    if (phase.startsWith('failed') || nodePid() === null || performance.now() > end)
      throw new Error(`${phase}\n${readFileSync(join(folder, 'node.log'), 'utf8').slice(-2000)}`);
    await sleep(100);
  }
  console.log(`up: sh tools/k8s/cluster.sh kubectl get pods -A; its files are in ${folder}`);
}

async function down(): Promise<void> {
  await removeCgroupRoots(cgroup);
  // The node's mounts go with its last process, a moment later.
  rmSync(folder, { recursive: true, force: true, maxRetries: 50, retryDelay: 100 });
}

async function main(): Promise<void> {
  switch (command) {
    case 'set-up':
      prepare();
      break;
    case 'up':
      await up();
      break;
    case 'down':
      await down();
      break;
    case 'status':
      console.log(nodePid() === null ? 'down' : readPhase(folder));
      break;
    default:
      throw new Error(`no such command: ${command}`);
  }
}

try {
  await main();
} catch (error) {
  console.error(`k8s: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
