import { expect } from 'vitest';
import {
  runUdpClient,
  startUdpServer,
  type UdpClientOptions,
  type UdpServerOptions,
  type UdpTotals,
} from '../hosts/udp-traffic.ts';
import type { TestAgent } from './agent.ts';
import type { Counted, ExactLab, Family } from './exact-lab.ts';
import type { PairSums } from './page.ts';

/** The local address of a socket that is bound to none, by the family that its datagrams have. */
export const UNBOUND = { IPv4: '0.0.0.0', IPv6: '::' } as const;

export interface UdpRun {
  readonly family?: Family;
  readonly client?: Partial<UdpClientOptions>;
  readonly server?: UdpServerOptions;
  /** What the page calls the ends where they see each other, if not by the sockets' addresses. */
  readonly clientSource?: string;
  readonly serverSource?: string;
  /** Expects that the server has had nothing from somebody unknown. For one that is bound to its address. */
  readonly allKnown?: boolean;
  /** What the client is for the server, and the server for the client: an address, or "unknown". */
  readonly clientRemote?: string;
  readonly serverRemote?: string;
}

export interface UdpOutcome {
  readonly port: number;
  readonly sent: UdpTotals;
  readonly served: UdpTotals;
}

/** Sends datagrams to a server of their own and expects that the page says what both ends counted. */
export async function expectExactUdp(
  exact: ExactLab,
  agent: TestAgent,
  run: UdpRun,
): Promise<Counted<UdpOutcome>> {
  const { family = 'IPv4' } = run;
  const [from, to] = exact.addresses(family);
  const counted = await exact.count(agent, async () => {
    const serving = await startUdpServer(exact.server, run.server);
    const sent = await runUdpClient(exact.client, { address: to, ...run.client, port: serving.port });
    return { port: serving.port, sent, served: await serving.stop() };
  });
  const { sent, served, port } = counted.result;
  const source = run.client?.connected === true ? from : UNBOUND[family];
  const clientKnows = run.serverRemote !== 'unknown';
  expect({
    client: bytesOf(
      counted.grown(run.clientSource ?? source, run.serverRemote ?? to, clientKnows ? port : undefined),
    ),
    server: bytesOf(counted.grown(run.serverSource ?? UNBOUND[family], run.clientRemote ?? from)),
  }).toEqual({ client: udpBytes(sent), server: udpBytes(served) });
  if (run.allKnown === true) expect(counted.grown(to, 'unknown')).toMatchObject({ receivedBytes: 0 });
  return counted;
}

export type Bytes = Pick<PairSums, 'sentBytes' | 'receivedBytes'>;

export function udpBytes({ sentBytes, receivedBytes }: UdpTotals): Bytes {
  return { sentBytes, receivedBytes };
}

export function bytesOf({ sentBytes, receivedBytes }: PairSums): Bytes {
  return { sentBytes, receivedBytes };
}
