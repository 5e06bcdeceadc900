import { deepEqual, equal } from 'node:assert/strict';
import type { Page } from '../../support/page.ts';
import { busyUdp } from './busy-udp.ts';
import { checkDoctor } from './doctor.ts';
import { unlessSkipped } from './excuse.ts';
import { checkNothingLeft, checkPrograms } from './kernel-objects.ts';
import { Net } from './net.ts';
import { oneNode } from './node.ts';
import { Older } from './older.ts';
import { race } from './race.ts';
import type { Report } from './report.ts';
import { checkRuns } from './run.ts';
import { RunningAgent } from './running-agent.ts';
import { checkSecondAgent, takesFentry } from './second-agent.ts';
import { checkSlowed, runSlowed } from './slow.ts';
import { checkNames, runTcp } from './tcp.ts';
import { runUdp } from './udp.ts';

/** Small tables: snapshots are the rarer the more they cost. */
const SMALL = ['--max-sockets', '1024', '--max-flows', '1024'];

/** A kernel that the agent supports: everything is counted, to the byte. */
export async function checkWorks(report: Report, walk: string): Promise<void> {
  await checkDoctor(report, true);
  const net = await Net.make();
  try {
    const older = [await Older.open(net, 4), await Older.open(net, 6)];
    report.time('hosts, and connections between them');
    await checkAgents(report, net, older, walk);
    await report.check(
      'UDP, three busy senders on a CPU: each datagram is counted, or told as skipped',
      async () => busyUdp(net),
    );
    await report.check('agents: leave nothing in the kernel', () => checkNothingLeft());
  } finally {
    await net.lab.close();
  }
}

async function checkAgents(report: Report, net: Net, older: readonly Older[], walk: string): Promise<void> {
  const agent = await RunningAgent.start(SMALL);
  const early = await agent.newestPage();
  report.time('start of the agent');
  await report.check(`agent: walks by ${walk}`, () => checkProbes(early, walk));
  await report.check('agent: --udp=auto takes fentry', () => takesFentry(early));
  await report.check('agent: nothing hangs on a send, receive or packet of TCP', () =>
    checkPrograms(probesOf(early)),
  );
  for (const each of older) await each.check(report, 'at its start', early, true);
  const tcp = await runTcp(net);
  report.time('runs of TCP');
  const udp = await runUdp(net);
  report.time('runs of UDP');
  for (const each of older) await each.send();
  await checkSecondAgent(report, older, SMALL);
  await report.check('one node of several: its own bytes alone', async () => oneNode(net));
  await report.check('TCP while walks never pause: bytes and connections at both ends', async () => {
    const { run, text } = await race(net);
    tcp.push(run);
    return text;
  });
  const slowed = await runSlowed(net);
  report.time('runs over a long link and a bad one');
  for (const each of older) await each.close();
  const page = await agent.page();
  report.time('a page of now');
  const skipped = page.value('kube_netc_agent_lost_total', { reason: 'probe_skipped' });
  for (const each of older) await each.check(report, 'when closed', page, false);
  await checkRuns(report, 'TCP', tcp, page, skipped);
  await checkRuns(report, 'UDP', udp, page, skipped);
  await checkNames(report, tcp, page);
  await checkSlowed(report, slowed, page);
  await report.check('agent: has lost nothing', () => unlessSkipped(skipped, () => checkLost(page)));
  await report.check('agent: ends with 0 on SIGTERM', async () => equal(await agent.stop(), 0));
}

function checkProbes(page: Page, walk: string): void {
  const probes = page.find('kube_netc_agent_probe_attached');
  equal(page.value('kube_netc_agent_probe_attached', { probe: walk }), 1);
  for (const { labels, value } of probes) equal(value, 1, `${labels['probe']} is not attached`);
}

function probesOf(page: Page): string[] {
  return page.find('kube_netc_agent_probe_attached').map(({ labels }) => labels['probe'] ?? '');
}

function checkLost(page: Page): void {
  const lost = page.find('kube_netc_agent_lost_total').filter(({ value }) => value > 0);
  deepEqual(
    lost.map(({ labels, value }) => [labels['reason'], value]),
    [],
  );
}
