/** A pod's cgroup in a path: as kubelet names pods, and runtimes the containers right below them. */
export interface PodCgroup {
  /** With dashes; for a static pod the hash of its manifest, 32 digits, which is not metadata.uid. */
  readonly podUid: string;
  /**
   * 64 hexadecimal digits, as in status.containerStatuses[].containerID: or those of the sandbox (the pause container;
   * all of gVisor), which no status tells. '' for the pod's own cgroup, conmon, and a Kata sandbox.
   */
  readonly containerId: string;
}

/**
 * The segment of a pod, and what stands behind it in the same segment where kubelet and runtime disagree about the driver:
 *  pod<uid>                                                        kubelet, cgroupfs (pkg/kubelet/cm: podCgroupNamePrefix)
 *  [<cgroup root>-]kubepods[-burstable|-besteffort]-pod<uid>.slice kubelet, systemd: dashes of the UID are underscores
 *  kubepods-...-pod<uid>.slice:cri-containerd:<id>                 below the runtime's own unit
 */
const POD =
  /^(?:(?:.+[-_])?kubepods(?:-burstable|-besteffort)?-)?pod([0-9a-f]{8}(?:[-_][0-9a-f]{4}){3}[-_][0-9a-f]{12}|[0-9a-f]{32})(?:\.slice(:.*)?)?$/;
const MIXED = /^:[a-z-]+:([0-9a-f]{64})$/;

/** <id> (containerd, cri-dockerd), crio-<id>; cri-containerd-<id>.scope, crio-<id>.scope, docker-<id>.scope. */
const CONTAINER =
  /^(?:(?:cri-containerd|crio|docker|cri-dockerd|nerdctl|libpod)-)?([0-9a-f]{64})(?:\.scope)?$/;

/**
 * The pods of a cgroup path, the innermost first. There are several where a pod runs nodes of another cluster (kind in
 * a pod): which of them is meant is for whoever knows the pods of the cluster. What a container makes below itself
 * (systemd, other containers) is the container's.
 */
export function podsOfCgroupPath(path: string): readonly PodCgroup[] {
  if (!path.includes('pod')) return [];
  const segments = path.split('/');
  const pods: PodCgroup[] = [];
  for (let i = segments.length - 1; i >= 0; i--) {
    const [whole, uid = '', mixed] = POD.exec(segments[i] ?? '') ?? [];
    if (whole === undefined) continue;
    const id = mixed === undefined ? CONTAINER.exec(segments[i + 1] ?? '') : MIXED.exec(mixed);
    pods.push({ podUid: uid.replaceAll('_', '-'), containerId: id?.[1] ?? '' });
  }
  return pods;
}
