// What the page says of a pair equals what its two programs counted, to the byte, whatever calls they use and however
// their connections end.
import { describe, expect, it } from 'vitest';
import type { Closing, TcpClientOptions } from '../hosts/tcp-traffic.ts';
import { whyNoLab } from '../hosts/why-no-lab.ts';
import type { TestAgent } from '../support/agent.ts';
import { ExactLab, FAMILIES, startAgent } from '../support/exact-lab.ts';
import { setUp } from '../support/set-up.ts';
import { expectExactTcp } from '../support/tcp-exactness.ts';

const skip = whyNoLab();
const SIZES = { request: [16, 3_000], response: [0, 9_000] } as const;

describe('bytes of TCP connections', () => {
  let exact: ExactLab;
  let agent: TestAgent;

  setUp(skip, async (closing) => {
    exact = closing.use(await ExactLab.open());
    agent = closing.use(await startAgent('--udp', 'off'));
  });

  describe.each(FAMILIES)('over %s', (family) => {
    const closings: Closing[] = ['client', 'server', 'both', 'client-half', 'server-half', 'mixed', 'reset'];
    it.each(closings)('are exact when closed by: %s', async (close) => {
      await expectExactTcp(exact, agent, { family, client: { connections: 400, close, ...SIZES } });
    });

    it('are those that arrived when the client closes with unread data', async () => {
      const client = { connections: 100, close: 'unread', response: [1, 30_000] } as const;
      const { sent } = await expectExactTcp(exact, agent, { family, client });
      expect(sent.unreadBytes).toBeGreaterThan(0);
    });

    const sends: NonNullable<TcpClientOptions['send']>[] = [
      'sendfile',
      'splice',
      'partial',
      'zerocopy',
      'io_uring',
    ];
    it.each(sends)('are exact when sent by: %s', async (send) => {
      const client = { connections: 6, rounds: 3, request: [16, 1_500_000], send } as const;
      await expectExactTcp(exact, agent, { family, client });
    });

    const receives: NonNullable<TcpClientOptions['receive']>[] = ['peek', 'trunc', 'splice', 'io_uring'];
    it.each(receives)('are exact when received by: %s', async (receive) => {
      const client = { connections: 6, rounds: 3, response: [0, 1_500_000], receive } as const;
      await expectExactTcp(exact, agent, { family, client });
    });

    it('are exact on a socket that is connected three times', async () => {
      await expectExactTcp(exact, agent, { family, client: { connections: 20, reuse: 3, ...SIZES } });
    });

    it('are exact when none are sent at all', async () => {
      const client = { connections: 20, request: 16, response: 0 } as const;
      const { sent } = await expectExactTcp(exact, agent, { family, client });
      expect(sent).toMatchObject({ wroteBytes: 320, readBytes: 0 });
    });
  });

  it('are told by IPv4 addresses when IPv6 sockets carry IPv4', async () => {
    // the server listens on [::], so its sockets are IPv6 ones with mapped addresses; so are the client's
    const { page } = await expectExactTcp(exact, agent, {
      client: { connections: 50, mapped: true, ...SIZES },
      server: { address: '::' },
    });
    const addresses = page.samples.flatMap(({ labels }) => [
      labels['source_address'] ?? '',
      labels['destination_address'] ?? '',
    ]);
    expect(addresses.filter((address) => address.startsWith('::ffff:'))).toEqual([]);
  });

  it('are exact between an IPv4-only listener and mapped clients', async () => {
    await expectExactTcp(exact, agent, {
      client: { connections: 50, mapped: true, ...SIZES },
      server: { address: '0.0.0.0' },
    });
  });

  it('are exact within one connection that carries 2 GB', async () => {
    const client = { connections: 1, rounds: 2, request: 1_000_000_000, response: 0 };
    const { sent } = await expectExactTcp(exact, agent, { client });
    expect(sent.wroteBytes).toBe(2_000_000_000);
  });
});
