import type { Cgroup } from '../../test/hosts/cgroup.ts';
import { HeldTcp, startTcpClient, startTcpServer } from '../../test/hosts/tcp-traffic.ts';
import type { TestAgent } from '../../test/support/agent.ts';
import { ExactLab, freshPage } from '../../test/support/exact-lab.ts';
import { clientSums, mirrored } from '../../test/support/tcp-exactness.ts';
import { Untold } from '../../test/support/untold.ts';
import { difference, type Difference } from './difference.ts';

const HELD = 5;
const SHORT = 40;
/** More than any connection of a visitor carries in one direction. */
const CONNECTION_BYTES_MAX = 100;

/**
 * Two namespaces come, talk, and are deleted while some of their connections are open. What they said is compared with the page
 * before they go.
 */
export async function visit(agent: TestAgent, cgroup: Cgroup | null): Promise<Difference[]> {
  const spawn = cgroup === null ? {} : { cgroup };
  const exact = await ExactLab.open();
  try {
    const [from, to] = exact.addresses();
    const [server, other] = [
      await startTcpServer(exact.server, {}, spawn),
      await startTcpServer(exact.server, {}, spawn),
    ];
    using untold = new Untold(server.port);
    const client = startTcpClient(
      exact.client,
      { address: to, port: server.port, connections: SHORT, close: 'mixed' },
      spawn,
    );
    const held = await HeldTcp.open(
      exact.client,
      { address: to, port: other.port, connections: HELD },
      spawn,
    );
    const [said, holds] = [await client.end(), await held.send(1_000)];
    const served = await server.stop();
    const missing = { untold: untold.end(), bytesMax: CONNECTION_BYTES_MAX };
    const page = await freshPage(agent, 'connections');
    const server_ = mirrored(holds, HELD);
    return [
      difference(
        'short connections of a visitor',
        page.pair(from, to, server.port),
        clientSums(said),
        missing,
      ),
      difference('open connections of a visitor', page.pair(from, to, other.port), clientSums(holds, HELD)),
      difference(
        'what served a visitor',
        page.pair(to, from),
        {
          sentBytes: served.wroteBytes + server_.sentBytes,
          receivedBytes: served.readBytes + server_.receivedBytes,
          active: HELD,
        },
        missing,
      ),
    ];
  } finally {
    await exact.close();
  }
}
