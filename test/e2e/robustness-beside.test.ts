// Agents in uncommon circumstances: beside another one, with as little as they need, without cgroup v2.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HeldTcp, runTcpClient, startTcpServer, type TcpTotals } from '../hosts/tcp-traffic.ts';
import { whyNoLab } from '../hosts/why-no-lab.ts';
import { TestAgent } from '../support/agent.ts';
import { ExactLab, freshPage } from '../support/exact-lab.ts';
import { namedByProcess } from '../support/owners.ts';
import type { PairSums } from '../support/page.ts';
import { asNobody, whyNotAsNobody, withoutCgroup2 } from '../support/prefixes.ts';
import { clientSums, expectExactTcp, mirrored } from '../support/tcp-exactness.ts';

const why = whyNoLab();
const SIZES = { connections: 200, request: [16, 3_000], response: [0, 9_000], close: 'mixed' } as const;

async function readiness(agent: TestAgent): Promise<string> {
  return (await fetch(`${agent.url}/readyz`)).text();
}

describe('an agent', () => {
  let exact: ExactLab;

  beforeAll(async () => {
    if (why === null) exact = await ExactLab.open(namedByProcess());
  });
  afterAll(async () => exact?.close());

  it('beside another one counts exactly, also when that one is killed', async (context) => {
    if (why !== null) context.skip(why);
    const [from, to] = exact.addresses();
    const { port } = await startTcpServer(exact.server);
    const run = async (): Promise<TcpTotals> => runTcpClient(exact.client, { ...SIZES, address: to, port });
    const pairs = async (agent: TestAgent, open: number): Promise<PairSums[]> => {
      await exact.settled(open);
      const page = await freshPage(agent, 'connections');
      return [page.pair(from, to), page.pair(to, from)];
    };
    const both = (all: readonly TcpTotals[], active: number): PairSums[] => {
      const sum = sumOf(all);
      return [clientSums(sum, active), mirrored(sum, active)];
    };

    await using first = await TestAgent.start();
    const before = await run();
    const held = await HeldTcp.open(exact.client, { ...SIZES, address: to, port, connections: 20 });
    await using second = await TestAgent.start();
    const beside = await run();
    const open = await held.send(10_000);
    expect(await pairs(first, 20)).toEqual(both([before, beside, open], 20));
    expect(await pairs(second, 20)).toEqual(both([beside, open], 20));
    second.process.kill('SIGKILL');
    await second.ended;
    const after = await run();
    const ended = await held.close();
    expect(await pairs(first, 0)).toEqual(both([before, beside, after, ended], 0));
  });

  it('with CAP_BPF and CAP_PERFMON alone, as a user, counts exactly, and says what it cannot tell of UDP', async (context) => {
    const nobody = why ?? whyNotAsNobody();
    if (nobody !== null) context.skip(nobody);
    await using agent = await TestAgent.start([], {}, asNobody('bpf', 'perfmon'));
    await expectExactTcp(exact, agent, { client: SIZES });
    const page = await agent.rawPage('?collect[]=agent');
    const byTracepoint = page.value('kube_netc_agent_udp_mode', { mode: 'tracepoint' }) === 1;
    const note =
      'udp: peers of unconnected sockets stay unknown: cgroup/sendmsg4: EPERM: CAP_NET_ADMIN not held';
    expect({
      log: agent.log.includes(note),
      ready: (await readiness(agent)).includes(`problem: ${note}\n`),
    }).toEqual({
      log: byTracepoint,
      ready: byTracepoint,
    });
  });

  it('without cgroup v2 counts exactly, names processes, and says what it cannot tell of UDP', async (context) => {
    if (why !== null) context.skip(why);
    await using agent = await TestAgent.start([], {}, withoutCgroup2());
    const { page } = await expectExactTcp(exact, agent, { client: SIZES });
    const [series] = page.find('bytes_sent', { source_address: exact.client.v4, source_kind: 'process' });
    expect(series?.labels['source_name']).toBe('exact-tcp-clien');
    const agentPage = await agent.rawPage('?collect[]=agent');
    if (agentPage.value('kube_netc_agent_udp_mode', { mode: 'tracepoint' }) === 0) return;
    expect(await readiness(agent)).toContain('problem: udp4_to: cgroup v2 is not mounted\n');
    expect(agentPage.value('kube_netc_agent_probe_attached', { probe: 'udp4_to' })).toBe(0);
  });
});

function sumOf(all: readonly TcpTotals[]): TcpTotals {
  return all.reduce((sum, totals) => ({
    ...sum,
    wroteBytes: sum.wroteBytes + totals.wroteBytes,
    readBytes: sum.readBytes + totals.readBytes,
    unreadBytes: sum.unreadBytes + totals.unreadBytes,
  }));
}
