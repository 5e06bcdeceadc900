import { describe, expect, test } from 'vitest';
import { parseCgroupPath } from '../../../src/cluster/cgroup-path.ts';
import { podsOfCgroupPath } from '../../../src/cluster/pod-cgroup.ts';

const UID = '2edf54f8-6911-449f-9abe-3d468a770d6b';
const U = '2edf54f8_6911_449f_9abe_3d468a770d6b';
const INNER = '83b090de-9676-407c-99aa-d33dc6aa0c0d';
const INNER_U = '83b090de_9676_407c_99aa_d33dc6aa0c0d';
/** Of a static pod: kubelet's hash of the manifest (pkg/kubelet/config: generateUID by md5). */
const HASH = '36b6d6be73b1065af369b3985edafa09';
const ID = '02de72688d6bb0908d279bbbb05ffa9d7e0b2ae17a8bf23683a33cc1349e55aa';
const OTHER = '65a1b6ad09655b3f1475ede1aa0061a97c0d1ada9f2b2acac959afbc92094463';
const SLICE = `/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${U}.slice`;
const KIND = `/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/kubelet-kubepods-besteffort-pod${U}.slice`;

describe('a pod', () => {
  test.each<[what: string, path: string, podUid: string, containerId: string]>([
    ['containerd, systemd', `${SLICE}/cri-containerd-${ID}.scope`, UID, ID],
    [
      'containerd, systemd, guaranteed',
      `/kubepods.slice/kubepods-pod${U}.slice/cri-containerd-${ID}.scope`,
      UID,
      ID,
    ],
    ['containerd, cgroupfs, best effort', `/kubepods/besteffort/pod${UID}/${ID}`, UID, ID],
    ['containerd, cgroupfs, guaranteed', `/kubepods/pod${UID}/${ID}`, UID, ID],
    [
      'kubelet systemd, containerd cgroupfs',
      `/system.slice/containerd.service/kubepods-burstable-pod${HASH}.slice:cri-containerd:${ID}`,
      HASH,
      ID,
    ],
    ['the same at the root', `/kubepods-besteffort-pod${U}.slice:cri-containerd:${ID}`, UID, ID],
    ['CRI-O, systemd', `${SLICE}/crio-${ID}.scope`, UID, ID],
    ['CRI-O with crun', `${SLICE}/crio-${ID}.scope/container`, UID, ID],
    ['CRI-O, cgroupfs', `/kubepods/burstable/pod${UID}/crio-${ID}`, UID, ID],
    ['conmon of CRI-O', `${SLICE}/crio-conmon-${ID}.scope`, UID, ''],
    ['conmon of CRI-O, cgroupfs', `/kubepods/burstable/pod${UID}/crio-conmon-${ID}`, UID, ''],
    ['cri-dockerd, systemd', `${SLICE}/docker-${ID}.scope`, UID, ID],
    ['cri-dockerd, cgroupfs', `/kubepods/burstable/pod${UID}/${ID}`, UID, ID],
    ['k3s in its own unit', `/system.slice/k3s.service/kubepods/burstable/pod${UID}/${ID}`, UID, ID],
    [
      'a static pod, systemd',
      `/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${HASH}.slice/cri-containerd-${ID}.scope`,
      HASH,
      ID,
    ],
    ['a static pod, cgroupfs', `/kubepods/burstable/pod${HASH}/${ID}`, HASH, ID],
    ['kind, seen in the node', `${KIND}/cri-containerd-${ID}.scope`, UID, ID],
    ['kind, seen from outside', `/docker/${OTHER}${KIND}/cri-containerd-${ID}.scope`, UID, ID],
    [
      'kind, from outside, systemd',
      `/system.slice/docker-${OTHER}.scope${KIND}/cri-containerd-${ID}.scope`,
      UID,
      ID,
    ],
    ['kind, cgroupfs', `/docker/${OTHER}/kubelet/kubepods/besteffort/pod${UID}/${ID}`, UID, ID],
    ['minikube with CRI-O', `/docker/${OTHER}${SLICE}/crio-${ID}.scope`, UID, ID],
    ['systemd in the container', `${SLICE}/cri-containerd-${ID}.scope/system.slice/nginx.service`, UID, ID],
    ['init.scope in the container', `/kubepods/burstable/pod${UID}/${ID}/init.scope`, UID, ID],
    ['docker in the container', `/kubepods/burstable/pod${UID}/${ID}/docker/${OTHER}`, UID, ID],
    [
      'docker with systemd in it',
      `${SLICE}/cri-containerd-${ID}.scope/system.slice/docker-${OTHER}.scope`,
      UID,
      ID,
    ],
    ['a container of an engine beside it', `${SLICE}/nested/docker/${OTHER}`, UID, ''],
    ['the pod itself', SLICE, UID, ''],
    ['the pod itself, cgroupfs', `/kubepods/burstable/pod${UID}`, UID, ''],
    ['a Kata sandbox', `/kubepods/burstable/pod${UID}/kata_${ID}`, UID, ''],
    [
      'a Kata sandbox, drivers mixed',
      `/kubepods-besteffort-pod${U}.slice:cri-containerd:kata_${ID}`,
      UID,
      '',
    ],
    ['another cgroup namespace', `/../../besteffort/pod${UID}/${ID}`, UID, ID],
  ])('%s', (_, path, podUid, containerId) => {
    expect(podsOfCgroupPath(path)).toEqual([{ podUid, containerId }]);
    expect(parseCgroupPath(path)).toEqual({ kind: 'pod', podUid, containerId });
  });

  test('in a node that is a pod of another cluster is the inner one, and both are told', () => {
    const path = `${SLICE}/cri-containerd-${ID}.scope/docker/${OTHER}/kubelet.slice/kubelet-kubepods-pod${INNER_U}.slice/crio-${OTHER}.scope`;
    expect(podsOfCgroupPath(path)).toEqual([
      { podUid: INNER, containerId: OTHER },
      { podUid: UID, containerId: ID },
    ]);
    expect(parseCgroupPath(path)).toEqual({ kind: 'pod', podUid: INNER, containerId: OTHER });
  });
});

describe('no pod', () => {
  test.each([
    ['slices of pods', '/kubepods.slice/kubepods-burstable.slice'],
    ['half a UID', `/kubepods/burstable/pod${UID.slice(1)}/x`],
    ['a UID of capitals', `/kubepods/burstable/pod${UID.toUpperCase()}/x`],
    ['what only ends like one', `/system.slice/mypod${UID}.service`],
    ['a pod of podman', `/machine.slice/machine-libpod_pod_${ID}.slice`],
    ['the shims of Kata', `/kata_overhead/${ID}`],
    ['a unit that is called pod', '/system.slice/pod.service'],
    ['the root', '/'],
  ])('%s', (_, path) => {
    expect(podsOfCgroupPath(path)).toEqual([]);
    expect(parseCgroupPath(path)?.kind).not.toBe('pod');
  });
});
