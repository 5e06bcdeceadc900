import { expect } from 'vitest';
import {
  runTcpClient,
  startTcpServer,
  type TcpClientOptions,
  type TcpServerOptions,
  type TcpTotals,
} from '../hosts/tcp-traffic.ts';
import type { TestAgent } from './agent.ts';
import type { ExactLab, Family } from './exact-lab.ts';
import type { Page, PairSums } from './page.ts';

export interface TcpRun {
  readonly family?: Family;
  readonly client?: Partial<TcpClientOptions>;
  readonly server?: TcpServerOptions;
}

export interface TcpOutcome {
  readonly sent: TcpTotals;
  readonly served: TcpTotals;
  readonly page: Page;
}

/** Runs a client against a server of its own, to their ends, and expects that the page says what both counted. */
export async function expectExactTcp(exact: ExactLab, agent: TestAgent, run: TcpRun): Promise<TcpOutcome> {
  const [from, to] = exact.addresses(run.family);
  const { result, grown, page } = await exact.count(agent, async () => {
    const serving = await startTcpServer(exact.server, run.server);
    const sent = await runTcpClient(exact.client, { ...run.client, address: to, port: serving.port });
    const served = await serving.stop();
    await exact.settled();
    return { port: serving.port, sent, served };
  });
  const { sent, served, port } = result;
  expect([sent.errors, served.errors]).toEqual([0, 0]);
  expect(served.connections).toBe(sent.connections);
  expect({ client: grown(from, to, port), server: grown(to, from) }).toEqual({
    client: clientSums(sent),
    server: serverSums(served),
  });
  return { sent, served, page };
}

/** What the page must say of a client: what it wrote, and what arrived, read or not. */
export function clientSums(
  of: Pick<TcpTotals, 'wroteBytes' | 'readBytes' | 'unreadBytes'>,
  active = 0,
): PairSums {
  return { sentBytes: of.wroteBytes, receivedBytes: of.readBytes + of.unreadBytes, active };
}

/** What the page must say of a server. */
export function serverSums(of: TcpTotals, active = 0): PairSums {
  return { sentBytes: of.wroteBytes, receivedBytes: of.readBytes, active };
}

/** What the page must say of a server whose client has counted, and has read all that was written. */
export function mirrored(of: TcpTotals, active = 0): PairSums {
  return { sentBytes: of.readBytes, receivedBytes: of.wroteBytes, active };
}
