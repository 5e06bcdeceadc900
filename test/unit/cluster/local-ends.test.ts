import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { CgroupLayout } from '../../../src/cluster/cgroup-mount.ts';
import { Cgroups } from '../../../src/cluster/cgroups.ts';
import { LocalEnds } from '../../../src/cluster/local-ends.ts';
import { NetnsPods } from '../../../src/cluster/netns-pods.ts';
import type { PodRecord } from '../../../src/cluster/objects/records.ts';
import { containerOfPod } from '../../../src/cluster/pod-container.ts';

const ID = '02de72688d6bb0908d279bbbb05ffa9d7e0b2ae17a8bf23683a33cc1349e55aa';
const PAUSE = '65a1b6ad09655b3f1475ede1aa0061a97c0d1ada9f2b2acac959afbc92094463';
const WEB = '2edf54f8-6911-449f-9abe-3d468a770d6b';
const DB = '83b090de-9676-407c-99aa-d33dc6aa0c0d';
const PROXY = '18640755-cc12-4557-b96e-0f74d5b44d1d';
const HOST = 4026531840;

function pod(uid: string, more: Partial<PodRecord> = {}): PodRecord {
  return {
    uid,
    namespace: 'shop',
    name: `pod-${uid.slice(0, 4)}`,
    nodeName: 'worker',
    addresses: ['10.0.0.7'],
    hostNetwork: false,
    hostPorts: [],
    done: false,
    endedMs: null,
    networkMs: null,
    terminating: false,
    createdMs: 0,
    startedMs: 0,
    app: { name: '', component: '', instance: '', version: '', partOf: '', managedBy: '' },
    owner: null,
    templateHash: '',
    containers: [{ id: ID, name: 'server', image: 'docker.io/library/nginx:1.29' }],
    staticHash: '',
    ...more,
  };
}

let known: Map<string, PodRecord>;
const lookup = (uid: string): PodRecord | undefined => known.get(uid);
beforeEach(() => {
  known = new Map(
    [pod(WEB), pod(DB), pod(PROXY, { hostNetwork: true })].map((record) => [record.uid, record]),
  );
});

describe('the pod of a network namespace', () => {
  test('is the one that was seen in it', () => {
    const pods = new NetnsPods(lookup);
    pods.note(7, WEB);
    pods.note(7, WEB);
    pods.note(8, WEB); // a namespace that it made for itself
    expect([pods.of(7), pods.of(8), pods.of(9)]).toEqual([WEB, WEB, null]);
  });

  test('is nobody while several are seen in it', () => {
    const pods = new NetnsPods(lookup);
    pods.note(7, WEB);
    pods.note(7, DB);
    expect(pods.of(7)).toBeNull();
  });

  test('is nobody where it is the host, however few were seen there', () => {
    const pods = new NetnsPods(lookup);
    pods.note(HOST, PROXY);
    expect(pods.of(HOST)).toBeNull();
    pods.note(0, WEB);
    expect(pods.of(0)).toBeNull();
    expect(pods.size).toBe(1);
  });

  test('is nobody while the pod is not known', () => {
    known.delete(WEB);
    const pods = new NetnsPods(lookup);
    pods.note(7, WEB);
    expect(pods.of(7)).toBeNull();
    known.set(WEB, pod(WEB));
    expect(pods.of(7)).toBe(WEB);
  });

  test('is the successor when the kernel gives the inode again', () => {
    const pods = new NetnsPods(lookup);
    pods.note(7, WEB);
    known.set(WEB, pod(WEB, { done: true }));
    expect(pods.of(7)).toBe(WEB); // its last sockets
    pods.note(7, DB);
    expect(pods.of(7)).toBe(DB);
  });

  test('is the successor too when the end of the first is told late, and the first is forgotten then', () => {
    const pods = new NetnsPods(lookup);
    pods.note(7, WEB);
    pods.note(7, DB);
    expect(pods.of(7)).toBeNull();
    known.set(WEB, pod(WEB, { done: true }));
    expect(pods.of(7)).toBe(DB);
    known.delete(WEB);
    expect(pods.of(7)).toBe(DB);
  });

  test('is forgotten when there are too many, the longest unseen first', () => {
    const pods = new NetnsPods(lookup, 3);
    for (const netns of [1, 2, 3]) pods.note(netns, WEB);
    pods.note(1, WEB);
    pods.note(4, WEB);
    expect([1, 2, 3, 4].map((netns) => pods.of(netns))).toEqual([WEB, null, WEB, WEB]);
    expect([pods.size, pods.limit]).toEqual([3, 3]);
    for (let i = 0; i < 100; i++) pods.note(1, `uid-${i}`);
    expect(pods.of(1)).toBeNull();
  });
});

describe('the local end of a socket', () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'netc-cgroup-'));
  });
  afterEach(() => rmSync(root, { recursive: true }));

  async function ends(
    layout: CgroupLayout,
    ...paths: readonly string[]
  ): Promise<{ of: LocalEnds; ids: number[] }> {
    const ids = paths.map((path) => {
      mkdirSync(join(root, path), { recursive: true });
      return statSync(join(root, path)).ino;
    });
    const cgroups = new Cgroups(root, { clock: { tsMonoMs: () => 0, tsWallMs: () => 0 } });
    await cgroups.learn(ids);
    const of = new LocalEnds({ cgroups, netnsPods: new NetnsPods(lookup), pods: lookup, layout });
    return { of, ids };
  }

  test.each(['v2', 'hybrid'] as const)('is the pod of its cgroup, under %s', async (layout) => {
    const { of, ids } = await ends(
      layout,
      `kubepods/burstable/pod${WEB}/${ID}`,
      `kubepods/pod${PROXY}/${ID}`,
    );
    for (const id of ids) of.note(id, HOST); // of a host-network pod too
    expect(of.of(ids[0] ?? 0, HOST)).toEqual({ kind: 'pod', by: 'cgroup', podUid: WEB, containerId: ID });
    expect(of.of(ids[1] ?? 0, HOST)).toMatchObject({ podUid: PROXY });
  });

  test('is the pod of its namespace where the cgroup is gone, and never for the host', async () => {
    const { of, ids } = await ends('v2', `kubepods/pod${WEB}/${ID}`, `kubepods/pod${PROXY}/${ID}`);
    of.note(ids[0] ?? 0, 7);
    of.note(ids[1] ?? 0, HOST);
    const byNetns = { kind: 'pod', by: 'netns', podUid: WEB, containerId: '' };
    expect(of.of(4_000_000_000, 7)).toEqual(byNetns);
    expect(of.of(0, 7)).toEqual(byNetns);
    expect(of.of(0, 8)).toBeNull();
    expect(of.of(0, HOST)).toBeNull();
  });

  test("is the unit where cgroup v2 is alone, and the namespace's pod before the unit beside v1", async () => {
    const unit = { kind: 'unit', name: 'containerd.service' };
    for (const [layout, expected] of [
      ['v2', unit],
      ['hybrid', { kind: 'pod', by: 'netns', podUid: WEB, containerId: '' }],
    ] as const) {
      const { of, ids } = await ends(layout, 'system.slice/containerd.service', `kubepods/pod${WEB}/${ID}`);
      of.note(ids[1] ?? 0, 7);
      expect(of.of(ids[0] ?? 0, 7)).toEqual(expected);
      expect(of.of(ids[0] ?? 0, HOST)).toEqual(unit);
    }
  });

  test('is of the node in the one namespace that has its address', async () => {
    const { of } = await ends('hybrid');
    expect(of.isNode(0)).toBe(false);
    of.noteNode(HOST);
    expect([of.isNode(HOST), of.isNode(7)]).toEqual([true, false]);
    of.noteNode(0);
    expect(of.isNode(0)).toBe(false);
  });

  test('in nodes within pods is the pod that the cluster knows', async () => {
    const outer = `kubepods/pod${WEB}/${ID}`;
    const inner = `${outer}/docker/${PAUSE}/kubelet/kubepods/pod${DB}/${PAUSE}`;
    const { of, ids } = await ends('v2', inner);
    expect(of.of(ids[0] ?? 0, 7)).toMatchObject({ podUid: DB });
    known.delete(DB);
    expect(of.of(ids[0] ?? 0, 7)).toMatchObject({ podUid: WEB, containerId: ID });
    known.clear();
    expect(of.of(ids[0] ?? 0, 7)).toMatchObject({ podUid: DB });
  });
});

test('a container has the name and image of its status; the sandbox has none, and none is guessed', () => {
  expect(containerOfPod(pod(WEB), ID)).toEqual({
    id: ID,
    name: 'server',
    image: 'docker.io/library/nginx:1.29',
  });
  expect(containerOfPod(pod(WEB), PAUSE)).toBeNull();
  expect(containerOfPod(pod(WEB), '')).toBeNull();
});
