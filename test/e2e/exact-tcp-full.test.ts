// Tables have an end. What finds no room is counted all the same, later or together with others, and said to be so.
import { describe, expect, it } from 'vitest';
import { HeldTcp, runTcpClient, startTcpServer } from '../hosts/tcp-traffic.ts';
import { whyNoLab } from '../hosts/why-no-lab.ts';
import { ExactLab, FAMILIES, freshPage, startAgent } from '../support/exact-lab.ts';
import { setUp } from '../support/set-up.ts';
import { clientSums, mirrored } from '../support/tcp-exactness.ts';

const skip = whyNoLab();

describe('bytes where a table is full', () => {
  let exact: ExactLab;

  setUp(skip, async (closing) => {
    exact = closing.use(await ExactLab.open());
  });

  it('are exact for sockets without a place, when they close', async () => {
    await using agent = await startAgent('--udp', 'off', '--max-sockets', '64');
    for (const family of FAMILIES) {
      const [from, to] = exact.addresses(family);
      const serving = await startTcpServer(exact.server);
      const sizes = { request: [16, 3_000], response: [0, 9_000] } as const;
      const options = {
        address: to,
        port: serving.port,
        connections: 200,
        ...sizes,
        close: 'mixed',
      } as const;
      const held = await HeldTcp.open(exact.client, options);
      const open = await freshPage(agent, 'connections');
      expect(open.pair(from, to).active).toBeLessThanOrEqual(64);
      const sent = await held.close();
      await serving.stop();
      await exact.settled();
      const closed = await freshPage(agent, 'connections');
      expect({ client: closed.pair(from, to, serving.port), server: closed.pair(to, from) }).toEqual({
        client: clientSums(sent),
        server: mirrored(sent),
      });
    }
    const page = await freshPage(agent);
    for (const reason of ['slots_full', 'unseen_closed'])
      expect(page.value('kube_netc_agent_lost_total', { reason })).toBeGreaterThan(0);
  });

  it('are in `other` for flows without a book, and none is lost', async () => {
    await using agent = await startAgent('--udp', 'off', '--max-flows', '64');
    const own = exact.client.v4;
    const bind = Array.from({ length: 60 }, (_, i) => own.replace(/\d+$/, String(100 + i)));
    const device = exact.segment.device(exact.client);
    await exact.client.ip(bind.map((address) => `addr add ${address}/24 dev ${device}`).join('\n'));
    const serving = await startTcpServer(exact.server);
    const options = { address: exact.server.v4, port: serving.port, connections: 120, request: 100_000 };
    const before = await freshPage(agent, 'connections');
    const sent = await runTcpClient(exact.client, { ...options, bind });
    const served = await serving.stop();
    const page = await freshPage(agent, 'connections');
    const network = own.replace(/\d+$/, '');
    const named = page
      .find('bytes_sent')
      .filter(({ labels }) => labels['source_address']?.startsWith(network))
      .reduce((sum, { value }) => sum + value, 0);
    expect(named).toBeLessThan(sent.wroteBytes + served.wroteBytes);
    const grown = page.sum('bytes_sent') - before.sum('bytes_sent');
    expect(grown).toBeGreaterThanOrEqual(sent.wroteBytes + served.wroteBytes);
    expect(page.value('kube_netc_agent_lost_total', { reason: 'books_full' })).toBeGreaterThan(0);
  });
});
