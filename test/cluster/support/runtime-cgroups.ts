import { randomBytes } from 'node:crypto';

/** The cgroup of a container below the root of its node's tree. */
export type CgroupNaming = (podUid: string, containerId: string) => string;

const underscored = (uid: string): string => uid.replaceAll('-', '_');

/** How kubelet and the runtimes name cgroups: kubelet's systemd driver unless the name says otherwise. */
export const CGROUP_NAMINGS = {
  containerd: (uid, id) => `${burstable('', uid)}/cri-containerd-${id}.scope`,
  crio: (uid, id) => `kubepods.slice/kubepods-pod${underscored(uid)}.slice/crio-${id}.scope`,
  docker: (uid, id) =>
    `kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod${underscored(uid)}.slice/docker-${id}.scope`,
  cgroupfs: (uid, id) => `kubepods/burstable/pod${uid}/${id}`,
  /** kubelet says systemd, and containerd was not told: the pod and the container are one segment. */
  mixed: (uid, id) =>
    `system.slice/containerd.service/kubepods-burstable-pod${underscored(uid)}.slice:cri-containerd:${id}`,
  /** A node of kind, whose kubelet has a slice of its own. */
  kind: (uid, id) => `kubelet.slice/kubelet-${burstable('kubelet-', uid)}/cri-containerd-${id}.scope`,
  /** systemd in the container, and a service of it. */
  nested: (uid, id) => `${burstable('', uid)}/cri-containerd-${id}.scope/system.slice/app.service`,
  /** Controllers under cgroup v1: in the v2 tree a container is where its runtime is. */
  nowhere: () => 'system.slice/containerd.service',
} as const satisfies Record<string, CgroupNaming>;

function burstable(root: string, uid: string): string {
  const slice = `${root}kubepods-burstable`;
  return `kubepods.slice/${slice}.slice/${slice}-pod${underscored(uid)}.slice`;
}

/** 64 hexadecimal digits. */
export function newContainerId(): string {
  return randomBytes(32).toString('hex');
}
