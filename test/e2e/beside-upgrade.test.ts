// One agent takes over from another: what is promised of the counts, in both orders. Each counts by itself from its start on.
// What is open is on the page of whoever runs, with its totals of all its life; what closes is on the pages of those that
// ran then. So with an overlap nothing is missing, and without one what closes in between.
import { beforeEach, describe, expect, it } from 'vitest';
import { programsOf } from '../../src/libbpf/trial-load.ts';
import { HeldTcp, runTcpClient, startTcpServer, type TcpTotals } from '../hosts/tcp-traffic.ts';
import { whyNoLab } from '../hosts/why-no-lab.ts';
import { TestAgent } from '../support/agent.ts';
import { heldBy, leftOf, NOTHING, orphans } from '../support/bpf-objects.ts';
import { during, ExactLab, freshPage } from '../support/exact-lab.ts';
import { MountSpace, type SpaceCgroup } from '../support/mount-space.ts';
import type { Page, PairSums } from '../support/page.ts';
import { setUp } from '../support/set-up.ts';
import { clientSums } from '../support/tcp-exactness.ts';

const skip = whyNoLab();
const HELD = 30;
const SIZES = { request: [16, 3_000], response: [0, 9_000], close: 'mixed' } as const;
const UPGRADES = 3;
/** The last packets of a close may be on their way when its program has ended. */
const PATIENCE = { timeout: 60_000 };

/** Bytes alone. */
type Bytes = Pick<PairSums, 'sentBytes' | 'receivedBytes'>;
const NONE: Bytes = { sentBytes: 0, receivedBytes: 0 };

function sumOf(all: readonly Bytes[]): Bytes {
  return all.reduce((sum, each) => {
    return {
      sentBytes: sum.sentBytes + each.sentBytes,
      receivedBytes: sum.receivedBytes + each.receivedBytes,
    };
  }, NONE);
}

function bytesOf({ sentBytes, receivedBytes }: Bytes): Bytes {
  return { sentBytes, receivedBytes };
}

describe('an agent that takes over from another', () => {
  let exact: ExactLab;
  let space: MountSpace;
  /** Agents count the sockets of this alone, so that those of others change no page. */
  let cgroup: SpaceCgroup;
  let to: { readonly address: string; readonly port: number };

  setUp(skip, async (closing) => {
    exact = closing.use(await ExactLab.open());
    space = closing.use(await MountSpace.withCgroup2(exact.lab.folder));
    cgroup = space.cgroup(exact.lab.id);
    closing.defer(async () => exact.stopProcesses());
  });
  beforeEach(async () => {
    if (skip !== null) return;
    const { port } = await startTcpServer(exact.server, {}, { cgroup });
    to = { address: exact.server.v4, port };
  });

  async function startAgent(): Promise<TestAgent> {
    const flags = ['--udp', 'off', '--max-sockets', '65536', '--cgroup-root', cgroup.inside];
    return TestAgent.start(flags, {}, space.prefix);
  }

  async function short(connections = 100): Promise<Bytes> {
    return bytesOf(
      clientSums(await runTcpClient(exact.client, { ...to, ...SIZES, connections }, { cgroup })),
    );
  }

  async function hold(): Promise<HeldTcp> {
    return HeldTcp.open(exact.client, { ...to, ...SIZES, connections: HELD }, { cgroup });
  }

  async function pageOf(agent: TestAgent): Promise<PairSums> {
    const page = await freshPage(agent, 'connections');
    return page.pair(exact.client.v4, to.address, to.port);
  }

  function open(held: TcpTotals): Bytes {
    return bytesOf(clientSums(held));
  }

  /** Ends it as an upgrade does. Nothing of it stays in the kernel. */
  async function retire(agent: TestAgent): Promise<void> {
    const objects = await heldBy(agent.process.pid ?? 0);
    expect(await agent.stop()).toEqual({ code: 0, signal: null });
    expect(await leftOf(objects)).toEqual(NOTHING);
  }

  it('and starts before that one ends has all that is open and all that closes from its start on', async () => {
    await using old = await startAgent();
    const before = await short();
    const held = await hold();
    await using next = await startAgent();
    const beside = await short();
    const sent = open(await held.send(5_000));
    await expect
      .poll(async () => pageOf(old), PATIENCE)
      .toEqual({ ...sumOf([before, beside, sent]), active: HELD });
    await retire(old);
    const after = await short();
    const all = open(await held.send(700));
    await expect
      .poll(async () => pageOf(next), PATIENCE)
      .toEqual({ ...sumOf([beside, after, all]), active: HELD });
    const ended = open(await held.close());
    await expect
      .poll(async () => pageOf(next), PATIENCE)
      .toEqual({ ...sumOf([beside, after, ended]), active: 0 });
    await retire(next);
  });

  it('and starts after that one has ended has all that is open, and not what closed in between', async () => {
    await using old = await startAgent();
    const before = await short();
    const held = await hold();
    await expect
      .poll(async () => pageOf(old), PATIENCE)
      .toEqual({ ...sumOf([before, open(held.ready)]), active: HELD });
    await retire(old);
    await short(); // nobody counts these: the one thing that is lost
    await held.send(5_000);
    await held.more(HELD);
    await using next = await startAgent();
    const [sent, after] = [open(await held.send(700)), await short()];
    await expect
      .poll(async () => pageOf(next), PATIENCE)
      .toEqual({ ...sumOf([sent, after]), active: 2 * HELD });
    await held.close();
    await retire(next);
  });

  it(
    'and another, and another, amid connections that come and go, leaves no gap between the last page of each',
    { timeout: 300_000 },
    async () => {
      const bursts: { port: number; bytes: Bytes }[] = [];
      const end = Promise.withResolvers<void>();
      let agent = await startAgent();
      const traffic = during(end.promise, async () => {
        const server = await startTcpServer(exact.server, {}, { cgroup }); // of its own, so that the pages tell each burst from the others
        to = { address: exact.server.v4, port: server.port };
        bursts.push({ port: server.port, bytes: await short(40) });
        await server.stop();
      });
      const lastPages: Page[] = [];
      for (let i = 0; i < UPGRADES; i++) {
        const next = await startAgent();
        lastPages.push(await freshPage(agent, 'connections'));
        await retire(agent);
        agent = next;
      }
      end.resolve();
      await traffic;
      lastPages.push(await freshPage(agent, 'connections'));
      await retire(agent);
      const missing = bursts.filter(({ port, bytes }) => {
        const told = sumOf(lastPages.map((page) => page.pair(exact.client.v4, to.address, port)));
        // A burst that was under way both when an agent started and when the last page of the one before was made is on
        // both: in part, or what was open then twice.
        return told.sentBytes < bytes.sentBytes || told.receivedBytes < bytes.receivedBytes;
      });
      expect(missing).toEqual([]);
      expect(bursts.length).toBeGreaterThan(UPGRADES);
      expect(await orphans(programsOf('build/kube-netc.bpf.o').map(({ name }) => name))).toEqual([]);
    },
  );
});
