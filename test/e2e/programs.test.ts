// What of ours is in the kernel while the agent runs: these programs on these hooks, and nothing else.
import { afterEach, describe, expect, it, type TestContext } from 'vitest';
import { Features } from '../../src/libbpf/features.ts';
import type { ListedLink, ListedProgram } from '../../src/libbpf/program-list.ts';
import { cgroup2Mount } from '../hosts/cgroup.ts';
import { whyNoLab } from '../hosts/why-no-lab.ts';
import { TestAgent } from '../support/agent.ts';
import { heldBy } from '../support/bpf-objects.ts';

const why = whyNoLab();

/** A program as a person would tell it: its name, its type, and the hook that it is made for or linked to. */
function told(programs: readonly ListedProgram[], links: readonly ListedLink[]): string[] {
  return programs
    .map(({ id, name, type, target }) => {
      const link = links.find(({ programId }) => programId === id);
      const hook = link ? (link.attachType ?? link.type) : 'not attached';
      return [name, type, target, hook].filter(Boolean).join(' ');
    })
    .toSorted();
}

const TCP = [
  'boot tracing bpf_iter_task_file not attached',
  'tcp_connect tracing btf_trace_inet_sock_set_state raw_tracepoint',
  'tcp_destroy tracing btf_trace_tcp_destroy_sock raw_tracepoint',
  'tcp_state tracing btf_trace_inet_sock_set_state raw_tracepoint',
];
const PEERS = ['udp4_from', 'udp4_to', 'udp6_from', 'udp6_to'].map(
  (name) => `${name} cgroup_sock_addr cgroup_udp${name.at(3)}_${name.endsWith('to') ? 'sendmsg' : 'recvmsg'}`,
);

describe('programs of the agent', () => {
  let agent: TestAgent | undefined;
  afterEach(async () => agent?.[Symbol.asyncDispose]());

  /** Starts an agent and lists what it has in the kernel; the walk goes by the name that the kernel gives it. */
  async function programs(
    context: TestContext,
    ...flags: readonly string[]
  ): Promise<{ list: string[]; walk: string }> {
    agent = await TestAgent.start(flags);
    await agent.rawPage();
    const { programs: held, links } = await heldBy(agent.process.pid ?? 0);
    expect(links).toHaveLength(held.length - 1); // each but `boot` has one link
    if (held.every(({ target }) => target === null))
      context.skip('this kernel does not tell what programs are for (5.18)');
    const list = told(held, links);
    const walk = list.find((line) => line.startsWith('walk_')) ?? 'no walk';
    expect(walk).toMatch(/^walk_(cast|probe) tracing bpf_iter_bpf_map_elem iter$/);
    return { list, walk };
  }

  it('are none at a send, a receive or a packet with --udp=off', async (context) => {
    if (why !== null) context.skip(why);
    const { list, walk } = await programs(context, '--udp', 'off');
    expect(list).toEqual([...TCP, walk].toSorted());
  });

  it('are without the one for processes with --processes=off', async (context) => {
    if (why !== null) context.skip(why);
    const { list, walk } = await programs(context, '--udp', 'off', '--processes', 'off');
    expect(list).toEqual([...TCP.filter((line) => !line.startsWith('tcp_connect')), walk].toSorted());
  });

  it('are at functions of UDP alone with --udp=fentry', async (context) => {
    if (why !== null) context.skip(why);
    using features = new Features();
    const finding = features.fexit('udp_sendmsg');
    if (finding.answer !== 'yes') context.skip(`fentry cannot be had here: ${finding.reason}`);
    const { list, walk } = await programs(context, '--udp', 'fentry');
    const udp = [
      'udp6_send tracing udpv6_sendmsg trace_fexit',
      'udp_receive tracing skb_consume_udp trace_fentry',
      'udp_send tracing udp_sendmsg trace_fexit',
    ];
    expect(list).toEqual([...TCP, ...udp, walk].toSorted());
  });

  it('are also at the sends and receives of all sockets with --udp=tracepoint, and the page says so', async (context) => {
    if (why !== null) context.skip(why);
    using features = new Features();
    const finding = features.tracepoint('sock_send_length');
    if (finding.answer !== 'yes') context.skip(`no such tracepoint here: ${finding.reason}`);
    const { list, walk } = await programs(context, '--udp', 'tracepoint');
    const sockets = [
      'socket_receive tracing btf_trace_sock_recv_length raw_tracepoint',
      'socket_send tracing btf_trace_sock_send_length raw_tracepoint',
    ];
    const peers = cgroup2Mount() === null ? [] : PEERS;
    expect(list).toEqual([...TCP, ...sockets, ...peers, walk].toSorted());
    const page = await agent?.rawPage('?collect[]=agent');
    const attached = page?.find('kube_netc_agent_probe_attached').filter(({ value }) => value === 1);
    expect(attached?.map(({ labels }) => labels['probe']).toSorted()).toEqual(
      list.map((line) => line.split(' ')[0]),
    );
    expect(page?.value('kube_netc_agent_udp_mode', { mode: 'tracepoint' })).toBe(1);
  });
});
