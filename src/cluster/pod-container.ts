import type { ContainerRecord, PodRecord } from './objects/records.ts';

/**
 * A container of a pod by the id in its cgroup's path. Null where the pod's status does not tell of it: the sandbox (the
 * pause container), one that has been replaced by a restart, or '' (see PodCgroup): it is not guessed, not even where
 * the pod has one container alone.
 */
export function containerOfPod(pod: PodRecord, containerId: string): ContainerRecord | null {
  if (containerId === '') return null;
  return pod.containers.find(({ id }) => id === containerId) ?? null;
}
