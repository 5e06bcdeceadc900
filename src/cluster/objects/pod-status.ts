import type { JsonObject } from '../../util/json-object.ts';
import type { Interner } from './interner.ts';
import type { JsonReader } from './json-reader.ts';
import type { ContainerRecord } from './records.ts';

/** Containers of one pod, of each kind. */
const MAX_CONTAINERS = 256;
const MAX_CONDITIONS = 64;
const CONTAINER_ID = /^[a-z0-9+.-]+:\/\/([0-9a-f]{64})$/;
const STATUSES = ['initContainerStatuses', 'containerStatuses', 'ephemeralContainerStatuses'] as const;

const told = (value: unknown): boolean => value !== undefined && value !== null;

/** The statuses of all containers: init, ordinary, ephemeral. */
export function containerStatuses(status: JsonObject, reader: JsonReader): readonly JsonObject[] {
  return STATUSES.flatMap((key) =>
    reader.list(status[key], MAX_CONTAINERS).map((item) => reader.object(item)),
  );
}

/** Those of the containers that have an id, which a container has once it was made. */
export function containers(
  statuses: readonly JsonObject[],
  reader: JsonReader,
  interner: Interner,
): ContainerRecord[] {
  const found: ContainerRecord[] = [];
  for (const status of statuses) {
    const text = reader.text(status['containerID']);
    if (text === '') continue;
    const id = CONTAINER_ID.exec(text)?.[1];
    if (id === undefined) reader.leftOut++;
    else {
      const name = interner.text(reader.text(status['name']));
      found.push({ id, name, image: interner.text(reader.text(status['image'])) });
    }
  }
  return found;
}

/** When the last container ended, where every one that ran tells it; null else. */
export function endedMs(statuses: readonly JsonObject[], reader: JsonReader): number | null {
  let last: number | null = null;
  for (const status of statuses) {
    const state = reader.object(status['state']);
    if (told(state['running'])) return null;
    if (!told(state['terminated'])) continue;
    const finished = reader.timeMs(reader.object(state['terminated'])['finishedAt']);
    if (finished === null) return null; // lost by the runtime: it may have run longer than the others
    last = Math.max(last ?? 0, finished);
  }
  return last;
}

/**
 * From when on the pod surely had its present addresses. A pod whose sandbox is made anew gets other addresses, and its
 * containers start again: so of running containers the first start tells it, and of ended ones only the last.
 */
export function networkMs(
  status: JsonObject,
  statuses: readonly JsonObject[],
  reader: JsonReader,
): number | null {
  for (const item of reader.list(status['conditions'], MAX_CONDITIONS)) {
    const condition = reader.object(item);
    if (condition['type'] !== 'PodReadyToStartContainers' || condition['status'] !== 'True') continue;
    const sinceMs = reader.timeMs(condition['lastTransitionTime']);
    if (sinceMs !== null) return sinceMs;
  }
  const running: number[] = [];
  const ended: number[] = [];
  for (const item of statuses) {
    const state = reader.object(item['state']);
    const runs = told(state['running']);
    const startedMs = reader.timeMs(
      reader.object(runs ? state['running'] : state['terminated'])['startedAt'],
    );
    if (startedMs !== null) (runs ? running : ended).push(startedMs);
  }
  if (running.length > 0) return Math.min(...running);
  return ended.length > 0 ? Math.max(...ended) : null;
}
