// Several nodes on one kernel: each agent counts the sockets below its own node's cgroup, all of them and no others.
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Role } from '../../src/abi/records.gen.ts';
import { auditExitCode, type AuditReport } from '../../src/cli/audit-table.ts';
import { Auditor } from '../../src/cli/auditor.ts';
import { Sampler } from '../../src/cli/sampler.ts';
import { readCgroupView } from '../../src/cluster/cgroup-view.ts';
import type { Monitor } from '../../src/libbpf/monitor.ts';
import type { UdpMode } from '../../src/libbpf/monitor-plan.ts';
import { FlowTable, OTHER, Protocol } from '../../src/tracker/flow-table.ts';
import { LiveTable } from '../../src/tracker/live-table.ts';
import { inSlices } from '../../src/util/slices.ts';
import { whyNoBpf } from '../fixtures/bpf/fixture.ts';
import { type Cgroup, cgroup2Mount } from '../hosts/cgroup.ts';
import type { Host } from '../hosts/host.ts';
import { Lab } from '../hosts/lab.ts';
import { HeldTcp, runTcpClient, startTcpServer, type TcpTotals } from '../hosts/tcp-traffic.ts';
import { runUdpClient, startUdpServer, type UdpTotals } from '../hosts/udp-traffic.ts';
import { whyNoLab } from '../hosts/why-no-lab.ts';
import { monitorAlone } from '../support/monitor-alone.ts';
import { quiet } from '../support/quiet.ts';

const skipReason = whyNoBpf() ?? whyNoLab();
const NEVER_NS = 1e15;

/** As deep as a container of a pod is below its node. */
const POD = 'kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-burstable.slice/pod.slice/container.scope';

interface Bytes {
  sentBytes: number;
  receivedBytes: number;
}
/** By host, protocol and role: "one tcp client". */
type Sums = Record<string, Bytes>;

/** An agent's books and audit, of the sockets below a cgroup. */
class NodeAgent {
  readonly monitor: Monitor;
  readonly flows: FlowTable;
  readonly live: LiveTable;
  readonly sampler: Sampler;
  readonly #auditor: Auditor;

  constructor(root: Cgroup | null, how: UdpMode = 'off') {
    this.monitor = monitorAlone({
      udp: how,
      slots: 65_536,
      cgroupRoot: root?.path ?? cgroup2Mount(),
      nodeRootId: BigInt(root?.id ?? 0),
    });
    this.monitor.findOlder();
    this.flows = new FlowTable(this.monitor.books.memory);
    this.live = new LiveTable(this.monitor.slots);
    this.#auditor = new Auditor(this.monitor, this.flows, this.live);
    this.sampler = new Sampler(this.monitor, this.flows, this.live, NEVER_NS, {
      before: () => this.#auditor.begin(),
      retiring: () => {},
      after: () => inSlices(this.#auditor.end()),
    });
  }

  /** Sums of all books. A namespace that is none of the hosts' is there by its inode. */
  async sums(hosts: readonly Host[]): Promise<Sums> {
    await this.sampler.snapshot();
    const sums: Sums = {};
    for (let i = 0; i < this.flows.rowCount; i++) {
      const row = this.flows.rows[i] ?? 0;
      const netns = this.flows.netns(row);
      const host = hosts.find(({ netnsInode }) => netnsInode === netns)?.name ?? `netns ${netns}`;
      const protocol = this.flows.protocol(row) === Protocol.tcp ? 'tcp' : 'udp';
      const role = this.flows.role(row) === Role.ROLE_CLIENT ? 'client' : 'server';
      const { sentBytes, receivedBytes } = this.flows.columns;
      const bytes = { sentBytes: sentBytes[row] ?? 0, receivedBytes: receivedBytes[row] ?? 0 };
      if (row !== OTHER)
        sums[`${host} ${protocol} ${role}`] = plus(sums[`${host} ${protocol} ${role}`], bytes);
    }
    if (this.monitor.counter('booksFull') > 0) throw new Error('some flows had no book');
    return sums;
  }

  audit(host: Host): AuditReport {
    const rows = this.#auditor.report().rows.filter(({ netns }) => netns === host.netnsInode);
    return { rows, unreadable: [], skipped: 0 };
  }

  async close(): Promise<void> {
    await this.sampler.stop();
    this.monitor.close();
  }
}

function plus(a: Bytes | undefined, b: Bytes): Bytes {
  return {
    sentBytes: (a?.sentBytes ?? 0) + b.sentBytes,
    receivedBytes: (a?.receivedBytes ?? 0) + b.receivedBytes,
  };
}

function ofTcp(...all: readonly TcpTotals[]): Bytes {
  return all
    .map((t) => ({ sentBytes: t.wroteBytes, receivedBytes: t.readBytes + t.unreadBytes }))
    .reduce((a, b) => plus(a, b));
}

function ofUdp({ sentBytes, receivedBytes }: UdpTotals): Bytes {
  return { sentBytes, receivedBytes };
}

let lab: Lab;
let one: Host;
let two: Host;
let outside: Host;
let nodes: readonly [Cgroup, Cgroup];
/** Of neither node. */
let engine: Cgroup;

beforeAll(async () => {
  if (skipReason !== null) return;
  lab = await Lab.create();
  one = await lab.host('one', { cgroup: `docker/one/${POD}` });
  two = await lab.host('two', { cgroup: `docker/two/${POD}` });
  outside = await lab.host('outside', { cgroup: 'docker/three' });
  await lab.bridge([one, two, outside]);
  nodes = [lab.cgroup('docker/one'), lab.cgroup('docker/two')];
  engine = lab.cgroup('system.slice/docker.service');
});
beforeEach((context) => {
  if (skipReason !== null) context.skip(skipReason);
});
afterAll(async () => lab?.close());

describe('two agents with a node each on one kernel', () => {
  it('count every byte of TCP once, those of other sockets never, and one without a node all', async () => {
    const [toOne, toTwo] = [await startTcpServer(one), await startTcpServer(two)];
    const older = await HeldTcp.open(one, { address: two.v4, port: toTwo.port, connections: 20 });
    const stranger = { address: two.v4, port: toTwo.port, connections: 10 };
    const olderStranger = await HeldTcp.open(one, stranger, { cgroup: engine });
    const agents = [new NodeAgent(nodes[0]), new NodeAgent(nodes[1]), new NodeAgent(null)] as const;
    try {
      await Promise.all([older.send(1000, 3), olderStranger.send(3000, 2)]);
      const churn = { connections: 200, parallel: 2, request: [16, 3000], response: [0, 9000] } as const;
      const [there, back, local, fromOutside, fromEngine, fromRoot] = await Promise.all([
        runTcpClient(one, { ...churn, address: two.v4, port: toTwo.port, close: 'mixed' }),
        runTcpClient(two, { ...churn, address: one.v6, port: toOne.port, close: 'mixed' }),
        runTcpClient(one, { ...churn, address: '127.0.0.1', port: toOne.port }),
        runTcpClient(outside, { ...churn, address: one.v4, port: toOne.port }),
        runTcpClient(one, { ...churn, address: two.v4, port: toTwo.port }, { cgroup: engine }),
        runTcpClient(two, { ...churn, address: two.v4, port: toTwo.port }, { cgroup: nodes[1] }),
      ]);
      for (const agent of agents) await agent.sampler.snapshot(); // while the older ones are open
      const [held, heldStranger] = [await older.close(), await olderStranger.close()];
      const [inOne, inTwo] = [await toOne.stop(), await toTwo.stop()];
      const [a, b, all] = await Promise.all(agents.map(async (agent) => agent.sums([one, two, outside])));
      expect(a).toEqual({ 'one tcp client': ofTcp(held, there, local), 'one tcp server': ofTcp(inOne) });
      expect(b).toEqual({ 'two tcp client': ofTcp(back, fromRoot), 'two tcp server': ofTcp(inTwo) });
      expect(all).toMatchObject({
        'one tcp client': ofTcp(held, heldStranger, there, local, fromEngine),
        'one tcp server': ofTcp(inOne),
        'two tcp client': ofTcp(back, fromRoot),
        'two tcp server': ofTcp(inTwo),
        'outside tcp client': ofTcp(fromOutside),
      });
    } finally {
      for (const agent of agents) await agent.close();
    }
  });

  it.for(['fentry', 'tracepoint'] as const)('count every datagram once, by %s', async (how, context) => {
    const agents = [new NodeAgent(nodes[0], how), new NodeAgent(nodes[1], how)] as const;
    try {
      if (agents.some(({ monitor }) => monitor.udp === 'off')) context.skip(`no ${how} for UDP here`);
      const serving = await startUdpServer(two, { echo: true, port: 4242 }); // chosen: its role is certain
      const to = { port: serving.port, count: 300, size: [1, 1200], reply: true } as const;
      const there = await runUdpClient(one, { ...to, address: two.v4 });
      await runUdpClient(outside, { ...to, address: two.v6, connected: true });
      await runUdpClient(one, { ...to, address: two.v4 }, { cgroup: engine });
      const served = await serving.stop();
      expect(served.receivedDatagrams).toBe(900);
      expect(await agents[0].sums([one, two])).toEqual({ 'one udp client': ofUdp(there) });
      expect(await agents[1].sums([one, two])).toEqual({ 'two udp server': ofUdp(served) });
    } finally {
      for (const agent of agents) await agent.close();
    }
  });

  it('hold no slot for sockets of other nodes, living or listening', async () => {
    const serving = await startTcpServer(outside);
    const held = await HeldTcp.open(two, { address: outside.v4, port: serving.port, connections: 5 });
    const agents = [new NodeAgent(nodes[0]), new NodeAgent(nodes[1])] as const;
    try {
      await held.more(5);
      for (const agent of agents) await agent.sampler.snapshot();
      expect(agents.map(({ live }) => live.count)).toEqual([0, 10]);
      expect(agents[0].monitor.counter('bootFound')).toBe(0);
    } finally {
      await held.close();
      await serving.stop();
      for (const agent of agents) await agent.close();
    }
    expect(agents[0].monitor.closed).toBe(true);
  });
});

describe('the root of its node is found', () => {
  const mount = cgroup2Mount() ?? '';
  beforeEach((context) => {
    if (readCgroupView().scope !== 'whole')
      context.skip('the tests themselves see a part of the cgroup tree');
  });

  /** What a program in a container of node one sees, in a cgroup namespace of its own, after these commands. */
  async function seenAfter(commands: string): Promise<{ scope: string; nodeRootId: string }> {
    const module = join(import.meta.dirname, '../../src/cluster/cgroup-view.ts');
    const print = `import { readCgroupView } from ${JSON.stringify(module)};
      const { scope, nodeRootId } = readCgroupView();
      console.log(JSON.stringify({ scope, nodeRootId: String(nodeRootId) }));`;
    const script = `${commands} && exec "$0" --input-type=module -e "$1"`;
    const inside = ['sh', '-ec', script, process.execPath, print];
    return JSON.parse(await one.exec(['unshare', '--cgroup', '--mount', ...inside])) as never;
  }

  it("by a pod that has its node's tree, which is a part of the whole", async () => {
    const root = { scope: 'node', nodeRootId: String(nodes[0].id) };
    expect(await seenAfter(`mount --bind ${nodes[0].path} ${mount}`)).toEqual(root);
  });

  it('to be that of the kernel by a pod that has the whole tree', async () => {
    expect(await seenAfter('true')).toEqual({ scope: 'whole', nodeRootId: '0' });
  });

  it('not to be found by a container that sees its own cgroup alone', async () => {
    const own = `umount ${mount} && mount -t cgroup2 none ${mount}`;
    expect(await seenAfter(own)).toEqual({ scope: 'own', nodeRootId: '0' });
  });
});

describe('the audit of a node', () => {
  /** Watches host one, where `traffic` runs beside a listener of the node. */
  async function audited(traffic: (port: number) => Promise<unknown>): Promise<AuditReport> {
    const serving = await startTcpServer(one);
    const agent = new NodeAgent(nodes[0]);
    try {
      for (let i = 0; i < 3; i++) await agent.sampler.snapshot(); // finds the namespace, and reads it
      await traffic(serving.port);
      await quiet(one);
      await agent.sampler.snapshot();
      return agent.audit(one);
    } finally {
      await agent.close();
      await serving.stop();
    }
  }
  const some = { address: '127.0.0.1', connections: 100, close: 'client-half' } as const;

  it('is exact in a namespace that only its sockets use', async () => {
    const report = await audited(async (port) => runTcpClient(one, { ...some, port }));
    const tcpRows = report.rows.filter(({ counter }) => counter.startsWith('Tcp'));
    expect(tcpRows.map(({ verdict }) => verdict)).toEqual(['exact', 'exact', 'exact']);
    expect(tcpRows[0]?.kernel).toBeGreaterThan(400);
  });

  it('says that it cannot tell where sockets of others are too, and does not call it unexplained', async () => {
    const report = await audited(async (port) => {
      await runTcpClient(one, { ...some, port });
      await runTcpClient(one, { ...some, port }, { cgroup: engine });
    });
    const rows = report.rows.filter(({ counter }) => counter === 'TcpInSegs' || counter === 'TcpOutSegs');
    for (const row of rows) {
      expect(row.unexplained).toBeGreaterThan(0);
      expect(row).toMatchObject({
        verdict: 'cannot tell',
        reason: 'sockets of another node use this namespace too',
      });
    }
    expect(rows).toHaveLength(2);
    expect(auditExitCode(report)).toBe(0);
  });
});
