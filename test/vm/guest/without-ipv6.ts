import { equal, match, ok } from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { runCommand } from '../../support/agent.ts';
import { checkDoctor } from './doctor.ts';
import { checkNothingLeft } from './kernel-objects.ts';
import { Net } from './net.ts';
import type { Report } from './report.ts';
import { checkRuns } from './run.ts';
import { RunningAgent } from './running-agent.ts';
import { runTcp } from './tcp.ts';
import { runUdp } from './udp.ts';

/** A kernel that was told to do without IPv6: what there is of IPv4 is counted, and served. */
export async function checkWithoutIpv6(report: Report): Promise<void> {
  await checkDoctor(report, true);
  await report.check('without IPv6, agent: --listen [::1]:0 is refused in a line', async () => {
    ok(!existsSync('/proc/sys/net/ipv6'), 'there is IPv6');
    const { code, stderr } = await runCommand(['agent', '--listen', '[::1]:0']);
    match(stderr, /^kube-netc: \P{Cc}*the kernel has no such address family\P{Cc}* \(E_LISTEN\)\n$/u);
    equal(code, 1);
    return stderr;
  });
  const net = await Net.make([4]);
  try {
    report.time('hosts');
    const agent = await RunningAgent.start([
      '--listen',
      ':0',
      '--max-sockets',
      '1024',
      '--max-flows',
      '1024',
    ]);
    report.time('start of the agent');
    const tcp = await runTcp(net);
    const udp = await runUdp(net);
    const page = await agent.page();
    const skipped = page.value('kube_netc_agent_lost_total', { reason: 'probe_skipped' });
    await checkRuns(report, 'TCP', tcp, page, skipped);
    await checkRuns(report, 'UDP', udp, page, skipped);
    await report.check('agent: ends with 0 on SIGTERM', async () => equal(await agent.stop(), 0));
    await report.check('agents: leave nothing in the kernel', () => checkNothingLeft());
  } finally {
    await net.lab.close();
  }
}
