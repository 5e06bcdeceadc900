import { type PodCgroup, podsOfCgroupPath } from './pod-cgroup.ts';

/** What a cgroup's path says about its processes. `pod`: without an API server only its container has a name. */
export type CgroupName =
  { readonly kind: 'container' | 'unit'; readonly name: string } | ({ readonly kind: 'pod' } & PodCgroup);

/** Of a container's 64 hexadecimal digits, as many as every tool shows: a plain host has no API to ask for names. */
const SHORT_ID_DIGITS = 12;

/** The name of a container that nobody has told the name of. */
export function shortContainerId(id: string): string {
  return id.slice(0, SHORT_ID_DIGITS);
}

/**
 * docker-<id>.scope, cri-containerd-<id>.scope, crio-<id>.scope, libpod-<id>.scope, nerdctl-<id>.scope (systemd driver);
 * /docker/<id>, /kubepods/.../<id>, /default/<id>, /ecs/<task>/<id>, libpod-<id> (cgroupfs driver);
 * ....slice:cri-containerd:<id> (containerd with the drivers mixed up). conmon beside it is a process of the host.
 */
const CONTAINER_ID = /^(?!.*conmon)(?:.*[-:])?([0-9a-f]{64})(?:\.scope)?$/;

/** LXC, LXD and Incus: lxc.payload.<name> (now), lxc/<name> and lxc.payload/<name> (before). */
const LXC_PAYLOAD = /^lxc\.payload\.(.+)$/;
const LXC_PARENT = /^lxc(?:\.payload)?$/;

/** Machines of systemd: systemd-nspawn@<name>.service; machine-<name>.scope, where libvirt's names carry a driver and a number. */
const NSPAWN = /^systemd-nspawn@(.+)\.service$/;
const MACHINE = /^machine-(?:(?:qemu|lxc)-\d+-)?(.+)\.scope$/;

const UNIT = /^.+\.(?:service|scope)$/;
/** Alpine and Gentoo: openrc.<service>. */
const OPENRC = /^openrc\.(.+)$/;

/**
 * Scopes made for one run, whose name holds nothing but a number, or what starts such scopes. A series per run would
 * say less than the process' own name.
 */
const ONE_RUN =
  /^(?:session-c?\d+|run-(?:u?\d+|r[0-9a-f]{32}|p\d+-i\d+)|(?:vte|tmux)-spawn-[0-9a-f-]+|(?:crio|libpod)-conmon-.*)\./;

/** The random end of desktop application scopes: app[-<launcher>]-<application>-<random>.scope, app-...@<random>.service. */
const APP_RANDOM =
  /^(app-.+?)(?:-(?:\d+|[0-9a-f]{8,}|[0-9a-f-]{36})(?=\.scope$)|@[0-9a-f]{8,}(?=\.service$))/;

/**
 * Undoes systemd's escapes: `\x2d` is a byte of UTF-8, and `_` stands before a name that the kernel could take for
 * one of its own files (systemd.unit(5), cg_escape()). For display: `a\x2fb` and `a/b` are one afterwards.
 */
export function unescapeUnit(name: string): string {
  const plain = name.replace(/^_/, '');
  if (!plain.includes('\\x')) return plain;
  return plain.replace(/(?:\\x[0-9a-f]{2})+/g, (run) =>
    Buffer.from(run.replaceAll('\\x', ''), 'hex').toString('utf8'),
  );
}

function containerOf(segment: string, parent: string): string | null {
  const id = CONTAINER_ID.exec(segment)?.[1];
  if (id !== undefined) return shortContainerId(id);
  const payload = LXC_PAYLOAD.exec(segment)?.[1];
  if (payload !== undefined) return payload;
  if (LXC_PARENT.test(parent)) return segment;
  const unit = unescapeUnit(segment);
  return NSPAWN.exec(unit)?.[1] ?? MACHINE.exec(unit)?.[1] ?? null;
}

function unitOf(segment: string): string | null {
  const openrc = OPENRC.exec(segment)?.[1];
  if (openrc !== undefined) return openrc;
  if (!UNIT.test(segment) || ONE_RUN.test(segment)) return null;
  return unescapeUnit(segment).replace(APP_RANDOM, '$1');
}

/**
 * Whose processes a cgroup holds, by its path below the cgroup2 mount: the innermost pod, else the innermost container,
 * else the innermost systemd unit, else null (the root, a slice, a login session: there the process' own name says more).
 */
export function parseCgroupPath(path: string): CgroupName | null {
  const [pod] = podsOfCgroupPath(path);
  if (pod) return { kind: 'pod', ...pod };
  const segments = path.split('/').filter((segment) => segment !== '');
  for (let i = segments.length - 1; i >= 0; i--) {
    const name = containerOf(segments[i] ?? '', segments[i - 1] ?? '');
    if (name !== null) return { kind: 'container', name };
  }
  for (let i = segments.length - 1; i >= 0; i--) {
    const segment = segments[i] ?? '';
    // Below a unit, init.scope is the manager itself: user@1000.service/init.scope.
    if (segment === 'init.scope' && i > 0) continue;
    const name = unitOf(segment);
    if (name !== null) return { kind: 'unit', name };
    if (ONE_RUN.test(segment)) return null;
  }
  return null;
}
