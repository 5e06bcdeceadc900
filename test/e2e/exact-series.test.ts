// Which series a connection is in: a client's are told by port, a server's live ones each by itself, its ended ones together.
import { describe, expect, it } from 'vitest';
import { HeldTcp, runTcpClient, startTcpServer, type ConnectionTotals } from '../hosts/tcp-traffic.ts';
import { whyNoLab } from '../hosts/why-no-lab.ts';
import type { TestAgent } from '../support/agent.ts';
import { ExactLab, FAMILIES, freshPage, startAgent } from '../support/exact-lab.ts';
import type { Page } from '../support/page.ts';
import { setUp } from '../support/set-up.ts';
import { clientSums } from '../support/tcp-exactness.ts';

const skip = whyNoLab();
/** Names as the kernel keeps them: 15 characters. */
const SERVER = 'exact-tcp-serve';
const [CLIENT, HOLDER] = ['exact-tcp-clien', 'exact-tcp-hold'];

/** The series of one process towards one address, by destination as the page writes it. */
function seriesOf(page: Page, process: string, source: string, remote: string): object {
  const found = page
    .find('bytes_sent', { source_address: source, source_name: process, source_kind: 'process' })
    .map(({ labels, value }) => ({ destination: labels['destination_address'] ?? '', labels, value }))
    .filter(({ destination }) => destination.includes(remote));
  return Object.fromEntries(
    found.map(({ destination, labels, value }) => [
      destination,
      { sent: value, received: page.value('bytes_recv', labels) },
    ]),
  );
}

function withPort(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

interface Bytes {
  readonly sent: number;
  readonly received: number;
}

/** What a server has done for these, by what its client has counted. */
function sumOf(connections: readonly ConnectionTotals[]): Bytes {
  return {
    sent: connections.reduce((sum, { readBytes }) => sum + readBytes, 0),
    received: connections.reduce((sum, { wroteBytes }) => sum + wroteBytes, 0),
  };
}

/** What a server's series must be: one for each live connection, and from the first on one without a port for `ended`. */
function served(address: string, live: readonly ConnectionTotals[], ended: Bytes): object {
  const each = live.map((own) => [withPort(address, own.clientPort), sumOf([own])] as const);
  return Object.fromEntries([...each, [address, ended]]);
}

describe('series of TCP connections', () => {
  let exact: ExactLab;
  let agent: TestAgent;

  setUp(skip, async (closing) => {
    exact = closing.use(await ExactLab.open());
    agent = closing.use(await startAgent('--udp', 'off'));
  });

  it.each(FAMILIES)(
    'of a server are one a live connection, and go to the one without a port (%s)',
    async (family) => {
      const [from, to] = exact.addresses(family);
      const serving = await startTcpServer(exact.server);
      const held = await HeldTcp.open(exact.client, {
        address: to,
        port: serving.port,
        connections: 20,
        response: [1, 9_000],
        perConnection: true,
      });
      const open = await freshPage(agent, 'connections');
      expect(seriesOf(open, SERVER, to, from)).toEqual(
        served(from, held.ready.perConnection ?? [], sumOf([])),
      );
      const left = await held.drop(12);
      await exact.settled(8);
      const page = await freshPage(agent, 'connections');
      const each = left.perConnection ?? []; // the oldest first, which were the first to end
      expect(seriesOf(page, SERVER, to, from)).toEqual(
        served(from, each.slice(12), sumOf(each.slice(0, 12))),
      );
      expect(page.pair(to, from).active).toBe(8);
      const all = await held.close();
      await exact.settled();
      const closed = await freshPage(agent, 'connections');
      expect(seriesOf(closed, SERVER, to, from)).toEqual({
        [from]: { sent: all.readBytes, received: all.wroteBytes },
      });
      await serving.stop();
    },
  );

  it.each(FAMILIES)(
    'of a client are one a port, whatever lives and whatever has ended (%s)',
    async (family) => {
      const [to, from] = exact.addresses(family); // the other way round than above: pairs of their own
      const one = await startTcpServer(exact.client);
      const two = await startTcpServer(exact.client);
      const held = await HeldTcp.open(exact.server, { address: to, port: one.port, connections: 7 });
      const ended = await runTcpClient(exact.server, { address: to, port: one.port, connections: 30 });
      const other = await runTcpClient(exact.server, { address: to, port: two.port, connections: 11 });
      await exact.settled(7);
      const page = await freshPage(agent, 'connections');
      // a series is of one process: that two talk to one port is two series
      expect(seriesOf(page, HOLDER, from, to)).toEqual({
        [withPort(to, one.port)]: { sent: held.ready.wroteBytes, received: held.ready.readBytes },
      });
      expect(seriesOf(page, CLIENT, from, to)).toEqual({
        [withPort(to, one.port)]: { sent: ended.wroteBytes, received: ended.readBytes },
        [withPort(to, two.port)]: { sent: other.wroteBytes, received: other.readBytes },
      });
      expect(page.pair(from, to, one.port).active).toBe(7);
      expect(page.pair(from, to, two.port)).toEqual(clientSums(other));
      await held.close();
      await one.stop();
      await two.stop();
      await exact.settled();
    },
  );

  it('name the process, and leave the labels of Kubernetes empty', async () => {
    const page = await freshPage(agent, 'connections');
    const found = page.find('bytes_sent', { source_name: SERVER, source_address: exact.server.v4 });
    expect(found.length).toBeGreaterThan(0);
    const empty = ['name', 'instance', 'source_namespace', 'destination_name', 'destination_node'];
    for (const { labels } of found) expect(empty.map((label) => labels[label])).toEqual(['', '', '', '', '']);
  });
});
