// Beside programs of others on the same hooks: an agent that starts, runs, is killed and stops changes nothing of theirs.
import { randomInt } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { whyNoBpf } from '../fixtures/bpf/fixture.ts';
import { runTcpClient, startTcpServer } from '../hosts/tcp-traffic.ts';
import { runUdpClient, startUdpServer } from '../hosts/udp-traffic.ts';
import { whyNoLab } from '../hosts/why-no-lab.ts';
import { TestAgent } from '../support/agent.ts';
import { ExactLab, freshPage } from '../support/exact-lab.ts';
import { heldBy, leftOf, NOTHING } from '../support/bpf-objects.ts';
import { MountSpace, type SpaceCgroup } from '../support/mount-space.ts';
import { type OtherCounts, OtherPrograms } from '../support/other-programs.ts';
import { setUp } from '../support/set-up.ts';
import { clientSums } from '../support/tcp-exactness.ts';
import { bytesOf, UNBOUND } from '../support/udp-exactness.ts';

const skip = whyNoLab() ?? whyNoBpf();
const FLAGS = ['--udp', 'tracepoint', '--max-sockets', '65536'];
const [CONNECTIONS, DATAGRAMS] = [150, 200];
/** Both ends of each connection; a listener is closed too, but its changes of state are its own. */
const ROUND: OtherCounts = { established: 2 * CONNECTIONS, closed: 2 * CONNECTIONS, datagrams: DATAGRAMS };

describe('programs of others', () => {
  const port = randomInt(2_000, 10_000);
  let exact: ExactLab;
  let space: MountSpace;
  /** Agents count the sockets of this alone, so that those of others change no page. Their programs see all. */
  let cgroup: SpaceCgroup;
  let others: OtherPrograms;

  setUp(skip, async (closing) => {
    exact = closing.use(await ExactLab.open());
    space = closing.use(await MountSpace.withCgroup2(exact.lab.folder));
    cgroup = space.cgroup(exact.lab.id);
    closing.defer(async () => exact.stopProcesses());
    await startTcpServer(exact.server, { port }, { cgroup });
    await startUdpServer(exact.server, { address: exact.server.v4, port, echo: true }, { cgroup });
    others = closing.use(await OtherPrograms.start(exact, port, space.cgroup2Root));
  });

  /** What others count of traffic that is the same each time. */
  async function round(): Promise<{ counted: OtherCounts; sent: PairSumsOfBoth }> {
    const before = others.counts;
    const address = exact.server.v4;
    const to = { address, port };
    const many = { ...to, connections: CONNECTIONS, request: 3_000, close: 'client' } as const;
    const tcp = await runTcpClient(exact.client, many, { cgroup });
    const udp = await runUdpClient(exact.client, { ...to, count: DATAGRAMS, reply: true }, { cgroup });
    expect(udp).toMatchObject({ sentDatagrams: DATAGRAMS, receivedDatagrams: DATAGRAMS, errors: 0 });
    expect(tcp).toMatchObject({ connections: CONNECTIONS, errors: 0 });
    await expect.poll(() => others.counts.closed - before.closed).toBe(ROUND.closed); // the server's ends
    const { established, closed, datagrams } = others.counts;
    const counted = {
      established: established - before.established,
      closed: closed - before.closed,
      datagrams: datagrams - before.datagrams,
    };
    return { counted, sent: { tcp: clientSums(tcp), udpBytes: udp.sentBytes } };
  }

  it('count the same before, beside and after an agent, and stay attached; it counts what is', async () => {
    expect((await round()).counted).toEqual(ROUND);
    const there = await others.inKernel();
    const unseen = await others.unseenPackets();
    for (const end of ['SIGKILL', 'SIGTERM'] as const) {
      await using agent = await TestAgent.start([...FLAGS, '--cgroup-root', cgroup.inside], {}, space.prefix);
      const page = await agent.rawPage('?collect[]=agent');
      for (const probe of ['tcp_state', 'udp4_to'])
        expect(page.value('kube_netc_agent_probe_attached', { probe })).toBe(1);
      const { counted, sent } = await round();
      expect(counted).toEqual(ROUND);
      expect(await others.inKernel()).toEqual(there);
      const counts = await freshPage(agent, 'connections');
      const [from, to] = exact.addresses();
      expect(counts.pair(from, to, port)).toEqual(sent.tcp);
      expect(bytesOf(counts.pair(UNBOUND.IPv4, to, port)).sentBytes).toBe(sent.udpBytes);
      const ours = await heldBy(agent.process.pid ?? 0);
      agent.process.kill(end);
      await agent.ended;
      expect(await leftOf(ours)).toEqual(NOTHING);
      expect(await others.inKernel()).toEqual(there);
    }
    expect((await round()).counted).toEqual(ROUND);
    await expect.poll(async () => others.unseenPackets()).toBe(unseen);
  });
});

interface PairSumsOfBoth {
  readonly tcp: ReturnType<typeof clientSums>;
  readonly udpBytes: number;
}
