// What the page says of an edge is enough to say in words why it is slow.
import { describe, expect, it } from 'vitest';
import { type SendingTimes, whySlow } from '../../src/collector/slowness.ts';
import { lose } from '../hosts/firewall.ts';
import {
  runTimedClient,
  type SlowServerOptions,
  startSlowServer,
  type TimedTotals,
} from '../hosts/timed-traffic.ts';
import { whyNoLab } from '../hosts/why-no-lab.ts';
import type { TestAgent } from '../support/agent.ts';
import { OwnLab, whyNoOwnCgroup } from '../support/edge-sums.ts';
import { freshPage } from '../support/exact-lab.ts';
import { sendingTimes } from '../support/sending-times.ts';
import { setUp } from '../support/set-up.ts';

const skip = whyNoLab() ?? whyNoOwnCgroup();

describe('a slow edge', () => {
  let lab: OwnLab;
  let agent: TestAgent;

  setUp(skip, async (closing) => {
    lab = closing.use(await OwnLab.open());
    agent = await lab.agent('--udp', 'off');
  });

  /** One connection that sends so many bytes: what its program was told by TCP_INFO, and what the page says. */
  async function send(
    bytes: number,
    server: SlowServerOptions,
  ): Promise<{ told: TimedTotals; times: SendingTimes }> {
    const { exact } = lab;
    const serving = await startSlowServer(exact.server, server);
    const told = await runTimedClient(exact.client, {
      address: exact.server.v4,
      port: serving.port,
      bytes,
    });
    const page = await freshPage(agent, 'workloads');
    await serving.stop();
    const times = sendingTimes(page, serving.port);
    expect(times.receiver + times.sendBuffer + times.congestion).toBeCloseTo(times.busy, 6);
    const back = { destination_port: String(serving.port), direction: 'to_client' };
    expect(page.find('kube_netc_edge_busy_seconds_total', { reporter: 'source', ...back })).toEqual([]);
    return { told, times };
  }

  it('is told to have a receiver that does not read fast enough', async () => {
    const { told, times } = await send(300_000, { receiveBuffer: 8192, pause: 5 });
    expect(times.busy).toBeCloseTo(told.busyUs / 1e6, 6);
    expect(times.receiver).toBeCloseTo(told.receiverLimitedUs / 1e6, 6);
    expect(whySlow(times)?.words).toBe('the receiver does not read fast enough');
  });

  it('is told to have a network that loses packets', async () => {
    await lose(lab.exact.server, lab.exact.segment, 8);
    const { told, times } = await send(20_000_000, {});
    expect(told.retransmitted).toBeGreaterThan(0);
    expect(times.busy).toBeCloseTo(told.busyUs / 1e6, 6);
    expect(whySlow(times)?.words).toBe('the network: window, loss or distance');
  });
});
