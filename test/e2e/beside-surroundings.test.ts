// An agent on machines of other kinds: without IPv6, with cgroup v1 alone or beside v2, without type information of modules.
import { beforeEach, describe, expect, it } from 'vitest';
import { runTcpClient, startTcpServer } from '../hosts/tcp-traffic.ts';
import { whyNoLab } from '../hosts/why-no-lab.ts';
import { TestAgent } from '../support/agent.ts';
import { ExactLab, freshPage } from '../support/exact-lab.ts';
import { MountSpace } from '../support/mount-space.ts';
import { withoutCgroup2, withoutModuleBtf } from '../support/prefixes.ts';
import { clientSums, expectExactTcp, mirrored } from '../support/tcp-exactness.ts';
import { expectExactUdp } from '../support/udp-exactness.ts';

const skip = whyNoLab();
const SIZES = { connections: 100, request: [16, 3_000], response: [0, 9_000], close: 'mixed' } as const;
const UDP = { client: { count: 100, size: [0, 1_400], reply: true }, server: { echo: true } } as const;
/** So many series that sockets of other tests leave room for ours. */
const FLAGS = ['--max-sockets', '65536', '--udp', 'tracepoint', '--series', '20000'];
const NO_IPV6 = { 'net.ipv6.conf.all.disable_ipv6': 1, 'net.ipv6.conf.default.disable_ipv6': 1 };

describe('an agent', () => {
  beforeEach((context) => {
    if (skip !== null) context.skip(skip);
  });
  it('in a namespace without IPv6, of hosts without it, serves every address and counts exactly', async () => {
    await using exact = await ExactLab.open();
    for (const host of [exact.client, exact.server]) await host.sysctl(NO_IPV6);
    await using agent = await TestAgent.start(FLAGS);
    await expectExactTcp(exact, agent, { client: SIZES });
    await expectExactUdp(exact, agent, UDP);
    const inside = ['nsenter', `--net=${exact.server.path}`];
    await using theirs = await TestAgent.start([...FLAGS, '--listen', ':0'], {}, inside);
    const port = new URL(theirs.url).port;
    const page = await exact.client.exec(['curl', '-sS', `http://${exact.server.v4}:${port}/readyz`]);
    expect(page).toMatch(/^ready\n/);
  });

  it('with cgroup v1 alone counts exactly and names processes', async () => {
    await using exact = await ExactLab.open();
    await using agent = await TestAgent.start(FLAGS, {}, withoutCgroup2());
    const { page } = await expectExactTcp(exact, agent, { client: SIZES });
    expect(agent.log).toContain('cgroup v2: not mounted');
    // Beside crowds of other tests a client may find no place, and then nobody keeps whose it is: the page says so.
    const isFull = page.value('kube_netc_agent_lost_total', { reason: 'slots_full' }) > 0;
    const named = page
      .find('bytes_sent', { source_address: exact.client.v4 })
      .map(({ labels }) => `${labels['source_kind']} ${labels['source_name']}`)
      .filter((name) => name !== ' ' || !isFull);
    expect(named).toEqual(['process exact-tcp-clien']);
  });

  it('with cgroup v2 beside v1 counts exactly, names units by v2, and tells the peers of UDP', async () => {
    await using exact = await ExactLab.open();
    await using space = await MountSpace.withHybridCgroups(exact.lab.folder);
    const cgroup = space.cgroup(`${exact.lab.id}.service`);
    await using agent = await TestAgent.start(FLAGS, {}, space.prefix);
    expect(agent.log).toContain(', beside cgroup v1');
    const [from, to] = exact.addresses();
    const serving = await startTcpServer(exact.server, {}, { cgroup });
    const { port } = serving;
    const sent = await runTcpClient(exact.client, { ...SIZES, address: to, port }, { cgroup });
    await exact.settled();
    const page = await freshPage(agent, 'connections', 'agent');
    expect([page.pair(from, to, port), page.pair(to, from)]).toEqual([clientSums(sent), mirrored(sent)]);
    const [series] = page.find('bytes_sent', { source_address: from });
    expect(series?.labels).toMatchObject({ source_name: `${exact.lab.id}.service` });
    expect(page.value('kube_netc_agent_probe_attached', { probe: 'udp4_to' })).toBe(1);
    await serving.stop();
    await expectExactUdp(exact, agent, {
      ...UDP,
      server: { ...UDP.server, address: to },
      serverSource: to,
      allKnown: true,
    });
  });

  it('on a kernel without type information of modules counts exactly', async () => {
    await using exact = await ExactLab.open();
    await using agent = await TestAgent.start(FLAGS, {}, withoutModuleBtf());
    await expectExactTcp(exact, agent, { client: SIZES });
    await expectExactUdp(exact, agent, UDP);
  });
});
