import { randomInt } from 'node:crypto';
import {
  type Closing,
  HeldTcp,
  runConnectFail,
  runTcpClient,
  startTcpServer,
  type TcpTotals,
} from '../../test/hosts/tcp-traffic.ts';
import type { TrafficServer } from '../../test/hosts/traffic-program.ts';
import { HeldUdp, startUdpServer, type UdpTotals } from '../../test/hosts/udp-traffic.ts';
import type { TestAgent } from '../../test/support/agent.ts';
import { type ExactLab, type Family, freshPage } from '../../test/support/exact-lab.ts';
import type { Page } from '../../test/support/page.ts';
import { clientSums, serverSums } from '../../test/support/tcp-exactness.ts';
import { type Bytes, bytesOf, udpBytes } from '../../test/support/udp-exactness.ts';
import { Untold } from '../../test/support/untold.ts';
import { difference, type Difference, type Untellable } from './difference.ts';

const SIZES = { request: [64, 1_500], response: [64, 6_000] } as const;
const HELD = 500;
const ATTEMPTS = 20;
const REFUSING_PORT = 9;
const STEADY_BYTES_MAX = 2_000;

/** A server of its own for each kind of connections. */
interface Served {
  readonly family: Family;
  readonly server: TrafficServer<TcpTotals>;
}

/** Connections that are closed at once, and what they have counted so far. */
interface Churn extends Served {
  readonly close: Closing;
  readonly untold: Untold;
  client: Pick<TcpTotals, Summed>;
}

/** More than any connection of ours carries in one direction. */
const CONNECTION_BYTES_MAX = 8_000;

interface Ended {
  readonly of: Served;
  readonly client: Pick<TcpTotals, Summed>;
  readonly server: TcpTotals;
}

const SUMMED = ['connections', 'wroteBytes', 'readBytes', 'unreadBytes', 'errors'] as const;
type Summed = (typeof SUMMED)[number];
const NONE = { connections: 0, wroteBytes: 0, readBytes: 0, unreadBytes: 0, errors: 0 };

/** Connections that stay open. */
interface Steady extends Served {
  readonly clients: HeldTcp;
}

interface UdpTalk {
  readonly client: HeldUdp;
  readonly server: TrafficServer<UdpTotals>;
}

/** Traffic that goes on from the begin of a soak to its end between two hosts. Its programs count all of it. */
export class SoakLoad {
  readonly #exact: ExactLab;
  readonly #churn: readonly Churn[];
  readonly #steady: Steady;
  readonly #udp: UdpTalk;
  #refused = 0;

  private constructor(exact: ExactLab, churn: readonly Churn[], steady: Steady, udp: UdpTalk) {
    this.#exact = exact;
    this.#churn = churn;
    this.#steady = steady;
    this.#udp = udp;
  }

  /** @param seconds after which its programs end by themselves, whatever has become of us */
  static async start(exact: ExactLab, seconds: number): Promise<SoakLoad> {
    const timeout = Math.ceil(seconds);
    const serve = () => startTcpServer(exact.server, { timeout });
    const churn: Churn[] = [];
    for (const [family, close] of [
      ['IPv4', 'mixed'],
      ['IPv6', 'client'],
    ] as const) {
      const server = await serve();
      churn.push({ family, close, server, untold: new Untold(server.port), client: NONE });
    }
    const [, address] = exact.addresses();
    const held = await serve();
    const many = { address, port: held.port, connections: HELD, timeout, ...SIZES } as const;
    const clients = await HeldTcp.open(exact.client, many);
    const steady: Steady = { family: 'IPv4', server: held, clients };
    const server = await startUdpServer(exact.server, { address, echo: true, timeout });
    const to = { address, port: server.port, connected: true, reply: true, timeout } as const;
    const client = await HeldUdp.open(exact.client, { ...to, count: 100, size: [0, 1_400] });
    return new SoakLoad(exact, churn, steady, { client, server });
  }

  /** So many connections of each family are opened, say something, and are closed. */
  async churn(connections: number): Promise<void> {
    for (const each of this.#churn) {
      const [, address] = this.#exact.addresses(each.family);
      const to = { address, port: each.server.port, close: each.close, connections, ...SIZES };
      each.client = added(each.client, await runTcpClient(this.#exact.client, to));
    }
  }

  /** What stays open says something: TCP and UDP. */
  async talk(): Promise<void> {
    await this.#steady.clients.send(randomInt(16, STEADY_BYTES_MAX));
    await this.#udp.client.again();
  }

  /** Connects that nobody takes. */
  async fail(): Promise<void> {
    const [, address] = this.#exact.addresses();
    const tried = await runConnectFail(this.#exact.client, {
      address,
      port: REFUSING_PORT,
      connections: ATTEMPTS,
    });
    this.#refused += tried.refused;
  }

  /** Ends all, and compares what the programs have counted with the page, to the byte. */
  async close(agent: TestAgent): Promise<{ sums: object; differences: Difference[] }> {
    const ended: Ended[] = [];
    for (const of of this.#churn) ended.push({ of, client: of.client, server: await of.server.stop() });
    const { clients, server } = this.#steady;
    ended.push({ of: this.#steady, client: await clients.close(), server: await server.stop() });
    const untold = new Map(this.#churn.map((each) => [each.family, each.untold.end()]));
    for (const each of this.#churn) each.untold[Symbol.dispose]();
    const udp = { client: await this.#udp.client.close(), server: await this.#udp.server.stop() };
    const page = await freshPage(agent, 'connections', 'workloads', 'agent');
    const skipped = page.value('kube_netc_agent_lost_total', { reason: 'probe_skipped' });
    const missing = (family: Family): Untellable => {
      return { untold: (untold.get(family) ?? 0) + skipped, bytesMax: CONNECTION_BYTES_MAX };
    };
    const [from, to] = this.#exact.addresses();
    const failed = { reporter: 'source', reason: 'refused', destination_port: String(REFUSING_PORT) };
    const refused = page.sum('kube_netc_edge_connect_failures_total', failed);
    const errors = ended.reduce((all, each) => all + each.client.errors + each.server.errors, 0);
    const differences = [
      ...ended.map((each) => this.#clients(page, each, missing(each.of.family))),
      difference('client of UDP', bytesOf(page.pair(from, to, this.#udp.server.port)), udpBytes(udp.client)),
      this.#servers(page, 'IPv4', [...ended.map(servedBytes('IPv4')), udpBytes(udp.server)], missing('IPv4')),
      this.#servers(page, 'IPv6', ended.map(servedBytes('IPv6')), missing('IPv6')),
      difference('refused connects', { refused }, { refused: this.#refused }),
      difference('errors of the programs', { errors: 0 }, { errors }),
    ];
    const sums = {
      connections: ended.reduce((all, { client }) => all + client.connections, 0),
      bytes: ended.reduce((all, { client }) => all + client.wroteBytes + client.readBytes, 0),
      datagrams: udp.client.sentDatagrams,
      refused: this.#refused,
      untold: [...untold.values()].reduce((a, b) => a + b),
      skipped,
    };
    return { sums, differences };
  }

  #clients(page: Page, { of, client }: Ended, missing: Untellable): Difference {
    const [from, to] = this.#exact.addresses(of.family);
    const { port } = of.server;
    return difference(`clients of port ${port}`, page.pair(from, to, port), clientSums(client), missing);
  }

  /** A socket of UDP counts as active for some time after it was closed, so bytes alone are compared. */
  #servers(page: Page, family: Family, served: readonly Bytes[], missing: Untellable): Difference {
    const [client, server] = this.#exact.addresses(family);
    const sum = (name: keyof Bytes): number => served.reduce((all, each) => all + each[name], 0);
    const counted = { sentBytes: sum('sentBytes'), receivedBytes: sum('receivedBytes') };
    return difference(`servers, ${family}`, bytesOf(page.pair(server, client)), counted, missing);
  }
}

function servedBytes(family: Family): (ended: Ended) => Bytes {
  return ({ of, server }) =>
    of.family === family ? bytesOf(serverSums(server)) : { sentBytes: 0, receivedBytes: 0 };
}

function added(a: Pick<TcpTotals, Summed>, b: Pick<TcpTotals, Summed>): Pick<TcpTotals, Summed> {
  return Object.fromEntries(SUMMED.map((name) => [name, a[name] + b[name]])) as Record<Summed, number>;
}
