// Who is who: real traffic of programs in the network namespaces and cgroups of pods, and a real API server. The page says
// exactly this of it and nothing else.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { whyNoBpf } from '../fixtures/bpf/fixture.ts';
import { whyNoLab } from '../hosts/why-no-lab.ts';
import type { TestAgent } from '../support/agent.ts';
import type { Page } from '../support/page.ts';
import { edgesOf, LabelLedger, seriesOf } from './support/label-ledger.ts';
import { connect, serve, serveFar } from './support/label-table.ts';
import { PodLab, synced, until } from './support/pod-lab.ts';
import { whyNoApiServer } from './support/programs.ts';
import { callersOf, makeFront } from './support/table-callers.ts';
import { LOCAL_HOSTS, type Local, makeLocals } from './support/table-locals.ts';
import { Targets } from './support/table-targets.ts';
import type { FarPod } from './support/target.ts';

const skipReason = whyNoApiServer() ?? whyNoBpf() ?? whyNoLab();

const LOCALS = [
  'a pod of a Deployment in a cgroup of containerd, with the recommended labels before the bare ones',
  'a ReplicaSet of a custom kind, and a service of the systemd within the container',
  'a pod of a StatefulSet in a cgroup of CRI-O',
  'a pod of a DaemonSet in a cgroup of Docker',
  'a pod of a CronJob, where kubelet drives cgroups by their file system',
  'a pod of a custom kind, where the drivers of kubelet and containerd are mixed up',
  "a static pod, by its manifest's hash, on a node of kind",
  'a pod of nobody, with bare labels',
  'a pod whose container is nowhere in the v2 tree, by its address',
  'a host-network pod',
  'another host-network pod with the same address',
  'a unit of the node',
  'a process of the node',
];
const TARGETS = [
  'a pod of a headless Service, in another zone',
  'a pod in our zone, whose ReplicaSet is gone',
  'a pod on a node without a zone, by UDP',
  'the first port of a ClusterIP',
  'the second port of a ClusterIP',
  'an external IP of a Service',
  "a load balancer's address",
  'a NodePort of another node',
  'a Service without a selector',
  'a Service of two workloads',
  'a ClusterIP by UDP',
  'a pod that is not ready, and published all the same',
  'a sticky Service of two slices, whose endpoint in the second is about to end',
  'the declared port of a host-network pod',
  'another port of that node',
  'an address of the internet, behind an ExternalName',
  'an address of this site that is of no cluster',
];
const CALLERS = [
  'a pod of another node',
  'that pod by IPv6',
  'a pod of our own node',
  'another node, or a pod of its network',
  'somebody of the internet',
];

const ledger = new LabelLedger();
let lab: PodLab;
let agent: TestAgent;
/** When all is named. */
let page: Page;
let locals: readonly Local[] = [];
let targets: Targets;
/** Names that were on a page before, and were somebody else's. */
const wrong = new Set<string>();

beforeAll(async () => {
  if (skipReason !== null) return;
  lab = await PodLab.open(LOCAL_HOSTS);
  locals = await makeLocals(lab);
  targets = new Targets(lab, 'web');
  const { db } = await targets.pods();
  await targets.services();
  await targets.otherServices(db);
  await targets.endpoints();
  await targets.others();
  if (locals[0]) await makeFront(lab, locals[0]);
  agent = await lab.agent();
  await synced(agent);
  const stopServing = await serveFar(lab, targets.datagrams);
  const [web] = locals;
  if (web) await traffic(web, db);
  await stopServing();
  page = await until(agent, isAsCounted);
});
beforeEach((context) => {
  if (skipReason !== null) context.skip(skipReason);
});
afterAll(async () => {
  await agent?.[Symbol.asyncDispose]();
  await lab?.close();
});

async function traffic(web: Local, db: FarPod): Promise<void> {
  const [toDb] = targets.all;
  if (!toDb) throw new Error('there is no target');
  await Promise.all([
    ...targets.all.map(async (target) => connect(ledger, web, target)),
    ...locals.map(async (local) => connect(ledger, local, toDb, local.what)),
    serve(ledger, lab, web, 8080, { destination_service: 'front' }, callersOf(targets, locals, db)),
  ]);
}

function isAsCounted(at: Page): boolean {
  return isInSeries(at) && same(edgesOf(at), ledger.edges());
}

function isInSeries(at: Page): boolean {
  for (const line of ledger.wrong(at)) wrong.add(line);
  return same(seriesOf(at), ledger.series());
}

function same(a: readonly string[], b: readonly string[]): boolean {
  return a.join('\n') === b.join('\n');
}

describe('the labels of what comes from our node', () => {
  it.for(LOCALS)('are true of %s', (what) => expectAsCounted(what));
});

describe('the labels of what a pod of our node asks', () => {
  it.for(TARGETS)('are true of %s', (what) => expectAsCounted(what));
});

describe('the labels of what a pod of our node is asked', () => {
  it.for(CALLERS)('are true of %s', (what) => expectAsCounted(what));
});

describe('the page', () => {
  it('has no other series, and no other edges', () => {
    expect(seriesOf(page)).toEqual(ledger.series());
    expect(edgesOf(page)).toEqual(ledger.edges());
  });

  it('has all cases, and these are all that there are', () => {
    const cases = new Set([...LOCALS, ...TARGETS, ...CALLERS]);
    expect(new Set(ledger.entries.map(({ what }) => what))).toEqual(cases);
  });

  it("never had a name that was somebody else's", () => {
    expect([...wrong]).toEqual([]);
  });
});

describe('an API server that is killed', () => {
  it('is missed, but no name is; when it is back all that was counted meanwhile has its name', async () => {
    const [toDb] = targets.all;
    if (!toDb) throw new Error('there is no target');
    const stopServing = await serveFar(lab);
    await lab.api.kill();
    await until(agent, (at) => at.find('kube_netc_agent_api_errors_total', { kind: 'connect' }).length > 0);
    const answer = await fetch(`${agent.url}/readyz`);
    expect(answer.status).toBe(200);
    expect(await answer.text()).toContain('API server: pods: ');
    await Promise.all(locals.map(async (local) => connect(ledger, local, toDb, local.what)));
    await lab.api.restart();
    const after = await until(agent, isInSeries, 60_000);
    await stopServing();
    expect(seriesOf(after)).toEqual(ledger.series());
    expect([...wrong]).toEqual([]);
  });
});

function expectAsCounted(what: string): void {
  const entries = ledger.of(what);
  expect(entries.length).toBeGreaterThan(0);
  expect(seriesOf(page, entries)).toEqual(ledger.series(entries));
  const onEdges = ledger.edges(ledger.onEdgesOf(what));
  expect(edgesOf(page)).toEqual(expect.arrayContaining(onEdges));
}
