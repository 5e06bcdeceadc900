// A machine that drops its own packets on their way out (a shaper, a firewall) sends them again without counting them as
// retransmissions: the kernel's bytes_sent then has them twice. The page must not.
import { describe, expect, it } from 'vitest';
import { drop, shape } from '../hosts/firewall.ts';
import type { Host } from '../hosts/host.ts';
import { Lab } from '../hosts/lab.ts';
import type { Segment } from '../hosts/segment.ts';
import { HeldTcp, runTcpClient, startTcpServer } from '../hosts/tcp-traffic.ts';
import { whyNoLab } from '../hosts/why-no-lab.ts';
import { TestAgent } from '../support/agent.ts';
import { ownNetworks } from '../support/networks.ts';
import { settled } from '../support/open-ends.ts';
import { setUp } from '../support/set-up.ts';
import { untilTold, Untold } from '../support/untold.ts';

const why = whyNoLab();

describe('bytes of a sender whose own machine drops packets', () => {
  let lab: Lab;
  let agent: TestAgent;

  setUp(why, async (closing) => {
    lab = closing.use(await Lab.create());
    agent = closing.use(await TestAgent.start(['--udp', 'off']));
  });

  async function pair(name: string): Promise<{ client: Host; server: Host; segment: Segment }> {
    const client = await lab.host(`${name}client`);
    const server = await lab.host(`${name}server`);
    return { client, server, segment: await lab.join(client, server, ownNetworks()) };
  }

  /** What the page says of both ends of some connections, and what the programs have counted. */
  async function transfer(client: Host, server: Host) {
    const serving = await startTcpServer(server);
    using untold = new Untold(serving.port);
    const to = { address: server.v4, port: serving.port };
    const held = await HeldTcp.open(client, { ...to, connections: 1, response: 16 });
    const sent = await held.send(3_000_000);
    const open = (await agent.page('?collect[]=connections')).pair(client.v4, server.v4);
    const more = await runTcpClient(client, {
      ...to,
      connections: 20,
      request: [10_000, 100_000],
      close: 'mixed',
    });
    const ended = await held.close();
    const served = await serving.stop();
    await settled([client, server]);
    const closed = await agent.page('?collect[]=connections');
    return {
      untold: untold.end(),
      said: { open, client: closed.pair(client.v4, server.v4), server: closed.pair(server.v4, client.v4) },
      counted: {
        open: { sentBytes: sent.wroteBytes, receivedBytes: sent.readBytes, active: 1 },
        client: {
          sentBytes: ended.wroteBytes + more.wroteBytes,
          receivedBytes: ended.readBytes + more.readBytes,
          active: 0,
        },
        server: { sentBytes: served.wroteBytes, receivedBytes: served.readBytes },
      },
    };
  }

  /** Between new hosts, and again between others where the kernel kept ends of connections to itself: see Untold. */
  async function compare(
    name: string,
    drops: (client: Host, segment: Segment) => Promise<void>,
  ): Promise<void> {
    const { said, counted } = await untilTold(async (again) => {
      const { client, server, segment } = await pair(`${name}${again}`);
      await drops(client, segment);
      return transfer(client, server);
    });
    expect(said).toMatchObject(counted);
  }

  it('are each counted once behind a shaper with a short queue', async () => {
    await compare('shaped', (client, segment) => shape(client, segment, 50_000_000));
  });

  it('are each counted once behind a firewall that drops every thirtieth packet', async () => {
    await compare('dropped', (client) => drop(client, 'output', 'numgen random mod 100 < 3'));
  });
});
