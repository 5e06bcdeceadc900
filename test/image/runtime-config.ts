// What a container runtime is told of a pod's container: what the CRI of containerd makes of its manifest.
// Source: OCI runtime specification 1.0, config.md and config-linux.md.
import type { ManifestContainer } from './manifest.ts';

export interface RuntimeOptions {
  /** The folder of its root. */
  readonly root: string;
  readonly manifest: ManifestContainer;
  /** Instead of those of the manifest: without the program, which the image has. */
  readonly args?: readonly string[];
  /** Instead of those that the manifest adds. */
  readonly capabilities?: readonly string[];
  readonly hostPid: boolean;
  /** The file of the pod's network namespace. */
  readonly netns: string;
  /** The seccomp filter of RuntimeDefault, for these capabilities. */
  readonly seccomp: unknown;
  readonly cgroup: string;
}

/** What umoci makes of the image alone: its entry point, its environment, its user. */
export interface ImageConfig {
  readonly process: {
    readonly args: readonly string[];
    readonly env: readonly string[];
    readonly cwd: string;
  };
}

/** Those that runc masks for containers that are not privileged. */
const MASKED = ['asound', 'acpi', 'kcore', 'keys', 'latency_stats', 'timer_list', 'sched_debug', 'scsi'];
const READ_ONLY = ['bus', 'fs', 'irq', 'sys', 'sysrq-trigger'];
const NO_EXEC = ['nosuid', 'noexec', 'nodev'];

interface Mount {
  readonly destination: string;
  readonly type: string;
  readonly source: string;
  readonly options: readonly string[];
}

const MOUNTS: readonly Mount[] = [
  mount('/proc', 'proc', NO_EXEC),
  mount('/dev', 'tmpfs', ['nosuid', 'strictatime', 'mode=755', 'size=65536k']),
  mount('/dev/pts', 'devpts', ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5']),
  mount('/dev/mqueue', 'mqueue', NO_EXEC),
  mount('/dev/shm', 'tmpfs', [...NO_EXEC, 'mode=1777', 'size=65536k']),
  mount('/sys', 'sysfs', [...NO_EXEC, 'ro']),
  mount('/sys/fs/cgroup', 'cgroup', [...NO_EXEC, 'relatime', 'ro']),
];

function mount(destination: string, type: string, options: readonly string[]): Mount {
  return { destination, type, source: type, options };
}

/** The text of config.json. */
export function runtimeConfig(image: ImageConfig, options: RuntimeOptions): string {
  const { manifest, hostPid, netns } = options;
  const { securityContext: security } = manifest;
  const held = (options.capabilities ?? security.capabilities.add).map((name) => `CAP_${name}`);
  // umoci's is the entry point and the default command of the image
  const end = image.process.args.findIndex((argument) => argument.endsWith('/main.js')) + 1;
  const program = image.process.args.slice(0, end);
  const environment = manifest.env.map(({ name, value }) => `${name}=${value ?? 'test-node'}`);
  const own = ['mount', 'ipc', 'uts', ...(hostPid ? [] : ['pid'])].map((type) => ({ type }));
  return JSON.stringify({
    ociVersion: '1.0.2',
    root: { path: options.root, readonly: security.readOnlyRootFilesystem },
    process: {
      user: { uid: security.runAsUser, gid: security.runAsGroup },
      args: [...program, ...(options.args ?? manifest.args)],
      env: [...image.process.env, ...environment],
      cwd: image.process.cwd,
      noNewPrivileges: !security.allowPrivilegeEscalation,
      capabilities: { bounding: held, effective: held, permitted: held },
    },
    hostname: 'kube-netc-test',
    mounts: [...MOUNTS, ...manifest.mounts.map(ofHost)],
    linux: {
      namespaces: [...own, { type: 'network', path: netns }],
      cgroupsPath: options.cgroup,
      resources: {
        memory: { limit: bytesOf(manifest.resources.limits.memory) },
        devices: [{ allow: false, access: 'rwm' }],
      },
      seccomp: options.seccomp,
      maskedPaths: [...MASKED.map((name) => `/proc/${name}`), '/sys/firmware'],
      readonlyPaths: READ_ONLY.map((name) => `/proc/${name}`),
    },
  });
}

function ofHost({ hostPath, mountPath, readOnly }: ManifestContainer['mounts'][number]): Mount {
  const options = ['rbind', 'rprivate', readOnly ? 'ro' : 'rw'];
  return { destination: mountPath, type: 'bind', source: hostPath, options };
}

/** A quantity of Kubernetes in bytes. */
function bytesOf(quantity: string): number {
  const [, number, unit = ''] = /^(\d+)([KMG]i)?$/.exec(quantity) ?? [];
  if (number === undefined) throw new Error(`${quantity} is no number of bytes that is known here`);
  return Number(number) * 1024 ** ['', 'Ki', 'Mi', 'Gi'].indexOf(unit);
}
