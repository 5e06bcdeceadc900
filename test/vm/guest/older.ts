import { deepEqual } from 'node:assert/strict';
import { HeldTcp, startTcpServer, type TcpTotals } from '../../hosts/tcp-traffic.ts';
import type { TrafficServer } from '../../hosts/traffic-program.ts';
import type { Page } from '../../support/page.ts';
import type { Addresses, Net } from './net.ts';
import type { Report } from './report.ts';

const CONNECTIONS = 4;

/** Connections that outlive agents: older than each of them. */
export class Older {
  readonly #server: TrafficServer<TcpTotals>;
  readonly #held: HeldTcp;
  readonly #at: Addresses;
  readonly #family: 4 | 6;
  #totals: TcpTotals;

  private constructor(server: TrafficServer<TcpTotals>, held: HeldTcp, at: Addresses, family: 4 | 6) {
    this.#server = server;
    this.#held = held;
    this.#at = at;
    this.#family = family;
    this.#totals = held.ready;
  }

  static async open(net: Net, family: 4 | 6): Promise<Older> {
    const at = net.fresh(family);
    const server = await startTcpServer(net.server);
    const to = { address: at.server, port: server.port, connections: CONNECTIONS };
    const older = new Older(server, await HeldTcp.open(net.client, to), at, family);
    await older.send();
    return older;
  }

  async send(): Promise<void> {
    this.#totals = await this.#held.send(5_000, 2);
  }

  async close(): Promise<void> {
    this.#totals = await this.#held.close();
    await this.#server.stop();
  }

  /** The page must know all that they ever carried. */
  async check(report: Report, when: string, page: Page, active: boolean): Promise<void> {
    await report.check(`older than an agent, ${when}, IPv${this.#family}: bytes at both ends`, () => {
      const { client, server } = this.#at;
      const { wroteBytes, readBytes } = this.#totals;
      const open = active ? CONNECTIONS : 0;
      deepEqual(
        [page.pair(client, server), page.pair(server, client)],
        [
          { sentBytes: wroteBytes, receivedBytes: readBytes, active: open },
          { sentBytes: readBytes, receivedBytes: wroteBytes, active: open },
        ],
      );
      return `${CONNECTIONS} connections, ${wroteBytes + readBytes} bytes`;
    });
  }
}
