import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { ApiClient } from '../../../../src/cluster/api/api-client.ts';
import { canI } from '../../../../src/cluster/api/access-review.ts';
import { OwnerFetcher, type OwnerFetcherOptions } from '../../../../src/cluster/api/owner-fetcher.ts';
import type { OwnerRef } from '../../../../src/cluster/objects/records.ts';
import { answer, FakeApi } from './fake-api.ts';
import { PATIENT } from './mirror.ts';

const REPLICA_SET: OwnerRef = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'cart-abc12', uid: 'rs-1' };
const DEPLOYMENT: OwnerRef = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'cart', uid: 'd-1' };
const CUSTOM: OwnerRef = { apiVersion: 'example.com/v1', kind: 'Mouse', name: 'm', uid: 'm-1' };

function metadata(uid: string, owner: OwnerRef | null): unknown {
  const others = [{ ...DEPLOYMENT, uid: 'other', controller: false }];
  const ownerReferences = owner === null ? undefined : [...others, { ...owner, controller: true }];
  return { kind: 'PartialObjectMetadata', metadata: { uid, ownerReferences } };
}

type Answered = readonly [ref: OwnerRef, answer: unknown];

function setUp(
  api: FakeApi,
  options: OwnerFetcherOptions = {},
): { owners: OwnerFetcher; answers: Answered[] } {
  const client = new ApiClient(api.config, { version: '0' });
  const answers: Answered[] = [];
  const onAnswer = (ref: OwnerRef, result: unknown): void => void answers.push([ref, result]);
  const owners = new OwnerFetcher(client, { onAnswer, backoffBaseMs: 10, ...options });
  onTestFinished(async () => {
    await owners.stop();
    client.close();
  });
  return { owners, answers };
}

describe('the owner of an owner', () => {
  test('is asked for once, by its metadata, and then known', async () => {
    await using api = await FakeApi.start();
    api.once('other', (response) => answer(response, 200, metadata('rs-1', DEPLOYMENT)));
    const { owners, answers } = setUp(api);
    for (let i = 0; i < 5; i++) expect(owners.get(REPLICA_SET, 'shop')).toBeNull();
    expect(owners.pending('rs-1')).toBe(true);
    await expect.poll(() => answers, PATIENT).toEqual([[REPLICA_SET, { ownerOfOwner: DEPLOYMENT }]]);
    expect(owners.get(REPLICA_SET, 'shop')).toEqual({ ownerOfOwner: DEPLOYMENT });
    expect(owners.pending('rs-1')).toBe(false);
    expect(api.seen.map(({ url }) => url.pathname)).toEqual([
      '/apis/apps/v1/namespaces/shop/replicasets/cart-abc12',
    ]);
    expect(api.seen[0]!.headers.accept).toBe('application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1');
  });

  test('may be nobody', async () => {
    await using api = await FakeApi.start();
    api.once('other', (response) => answer(response, 200, metadata('rs-1', null)));
    const { owners } = setUp(api);
    await expect.poll(() => owners.get(REPLICA_SET, 'shop'), PATIENT).toEqual({ ownerOfOwner: null });
  });

  test('of a static pod’s Node is nobody, without a request', async () => {
    await using api = await FakeApi.start();
    const { owners } = setUp(api);
    const node = { apiVersion: 'v1', kind: 'Node', name: 'a', uid: 'n-1' };
    await expect.poll(() => owners.get(node, 'kube-system'), PATIENT).toEqual({ ownerOfOwner: null });
    expect(api.seen).toEqual([]);
  });

  test('of a custom kind is found by its plural, which is discovered once', async () => {
    await using api = await FakeApi.start();
    const resources = [
      { name: 'mice', kind: 'Mouse', namespaced: true },
      { name: 'mice/status', kind: 'Mouse', namespaced: true },
      { name: 'herds', kind: 'Herd', namespaced: false },
    ];
    const { owners, answers } = setUp(api);
    api.once('other', (response) => answer(response, 200, { kind: 'APIResourceList', resources }));
    for (const uid of ['m-1', 'm-2', 'h-1']) {
      api.once('other', (response) => answer(response, 200, metadata(uid, null)));
    }
    owners.get(CUSTOM, 'shop');
    owners.get({ ...CUSTOM, name: 'm2', uid: 'm-2' }, 'shop');
    owners.get({ ...CUSTOM, kind: 'Herd', name: 'h', uid: 'h-1' }, 'shop');
    owners.get({ ...CUSTOM, kind: 'Cat', uid: 'c-1' }, 'shop'); // there is no such kind
    await expect.poll(() => answers.length, PATIENT).toBe(4);
    expect(api.seen.map(({ url }) => url.pathname)).toEqual([
      '/apis/example.com/v1',
      '/apis/example.com/v1/namespaces/shop/mice/m',
      '/apis/example.com/v1/namespaces/shop/mice/m2',
      '/apis/example.com/v1/herds/h',
    ]);
    expect(answers.at(-1)![1]).toBeNull();
  });

  test.each([
    ['is gone', 404, null],
    ['has been made anew under the same name', 200, metadata('rs-2', DEPLOYMENT)],
    ['is not whole', 200, { metadata: { uid: 'rs-1', ownerReferences: [{ controller: true }] } }],
  ])('that %s is unknown, and not asked for again for ten minutes', async (_, code, body) => {
    await using api = await FakeApi.start();
    let nowMs = 0;
    const clock = { tsMonoMs: () => nowMs, tsWallMs: () => 0 };
    const { owners, answers } = setUp(api, { clock });
    if (code === 200) api.once('other', (response) => answer(response, 200, body));
    owners.get(REPLICA_SET, 'shop');
    await expect.poll(() => answers, PATIENT).toEqual([[REPLICA_SET, null]]);
    expect(owners.get(REPLICA_SET, 'shop')).toBeNull();
    expect(owners.pending('rs-1')).toBe(false);
    nowMs = 600_001;
    owners.get(REPLICA_SET, 'shop');
    await expect.poll(() => api.seen.length, PATIENT).toBe(2);
  });

  test('that is forbidden names the rule, and stops all requests of its kind for a minute', async () => {
    await using api = await FakeApi.start();
    let nowMs = 0;
    const clock = { tsMonoMs: () => nowMs, tsWallMs: () => 0 };
    const { owners, answers } = setUp(api, { clock });
    api.fail('other', 403);
    for (let i = 0; i < 5; i++) owners.get({ ...REPLICA_SET, uid: `rs-${i}` }, 'shop');
    await expect.poll(() => answers.length, PATIENT).toBe(5);
    expect(owners.state).toMatchObject({ waiting: 0, problem: 'ClusterRole needs: get replicasets.apps' });
    owners.get(REPLICA_SET, 'shop');
    await sleep(20);
    expect(api.seen).toHaveLength(1);
    api.once('other', (response) => answer(response, 200, metadata('rs-1', DEPLOYMENT)));
    nowMs = 60_000;
    await expect.poll(() => owners.get(REPLICA_SET, 'shop'), PATIENT).toEqual({ ownerOfOwner: DEPLOYMENT });
    expect(owners.state.problem).toBeNull();
  });

  test('is asked for again after failures, and then given up', async () => {
    await using api = await FakeApi.start();
    const { owners, answers } = setUp(api, { random: () => 0 });
    for (let i = 0; i < 2; i++) api.fail('other', 500);
    api.once('other', (response) => answer(response, 200, metadata('rs-1', DEPLOYMENT)));
    owners.get(REPLICA_SET, 'shop');
    await expect.poll(() => answers, PATIENT).toEqual([[REPLICA_SET, { ownerOfOwner: DEPLOYMENT }]]);
    for (let i = 0; i < 5; i++) api.fail('other', 500);
    const other = { ...REPLICA_SET, uid: 'rs-9' };
    // that it is wanted again and again changes nothing
    const again = (): unknown => [owners.get(other, 'shop'), answers.at(-1)];
    await expect.poll(again, PATIENT).toEqual([null, [other, null]]);
    expect(api.seen).toHaveLength(8);
    expect(owners.state.errors.get('server')).toBe(7);
  });

  test('is asked for at a bounded rate, one at a time', async () => {
    await using api = await FakeApi.start();
    const { owners, answers } = setUp(api, { burst: 1, perSecond: 10 });
    let atOnce = 0;
    let most = 0;
    for (let i = 0; i < 6; i++) {
      api.once('other', (response) => {
        most = Math.max(most, ++atOnce);
        setTimeout(() => {
          atOnce--;
          answer(response, 200, metadata(`rs-${i}`, DEPLOYMENT));
        }, 2);
      });
      owners.get({ ...REPLICA_SET, uid: `rs-${i}` }, 'shop');
    }
    await expect.poll(() => answers.length, PATIENT).toBe(6);
    expect(most).toBe(1);
    const times = api.seen.map(({ atMs }) => atMs);
    expect(times.at(-1)! - times[0]!).toBeGreaterThan(490); // five at 10 a second
  });

  test('is wanted by so many at the most', async () => {
    await using api = await FakeApi.start();
    api.once('other', () => undefined);
    const { owners } = setUp(api);
    for (let i = 0; i < 10_100; i++) owners.get({ ...REPLICA_SET, uid: `rs-${i}` }, 'shop');
    expect(owners.state).toMatchObject({ waiting: 10_000, turnedAway: 100 });
  });
});

describe('what we may do', () => {
  test.each([
    ['yes', { status: { allowed: true, evaluationError: 'a role is missing' } }],
    ['no', { status: { allowed: false } }],
    ['cannot tell', { status: { allowed: false, evaluationError: 'the webhook is down' } }],
    ['cannot tell', {}],
    ['cannot tell', null],
  ] as const)('is told: %s', async (expected, review) => {
    await using api = await FakeApi.start();
    let asked = '';
    if (review !== null) {
      api.once('other', (response, _, request) => {
        request.setEncoding('utf8').on('data', (part: string) => (asked += part));
        request.on('end', () => answer(response, 201, review));
      });
    }
    const client = new ApiClient(api.config, { version: '0' });
    onTestFinished(() => client.close());
    expect((await canI(client, 'list', { group: 'apps', plural: 'replicasets' })).allowed).toBe(expected);
    expect(api.seen[0]!.url.pathname).toBe('/apis/authorization.k8s.io/v1/selfsubjectaccessreviews');
    if (review === null) return;
    expect(JSON.parse(asked)).toMatchObject({
      kind: 'SelfSubjectAccessReview',
      spec: { resourceAttributes: { verb: 'list', group: 'apps', resource: 'replicasets' } },
    });
  });
});
