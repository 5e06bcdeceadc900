import { equal, ok } from 'node:assert/strict';
import { type Brake, whySlow } from '../../../src/collector/slowness.ts';
import type { Host } from '../../hosts/host.ts';
import {
  runTimedClient,
  type SlowServerOptions,
  startSlowServer,
  type TimedClientOptions,
  type TimedTotals,
} from '../../hosts/timed-traffic.ts';
import type { Page } from '../../support/page.ts';
import { sendingTimes } from '../../support/sending-times.ts';
import type { Net } from './net.ts';
import type { Report } from './report.ts';

/** One connection, and what holds up its data. */
interface Case {
  readonly name: string;
  /** What netem does to what the client sends. */
  readonly link: string;
  readonly client: Partial<TimedClientOptions>;
  readonly server: SlowServerOptions;
  readonly brake: Exclude<Brake, 'program'>;
}

/**
 * The kernel sees the sender's buffer as what holds data up where it sends the last of the buffer while the program waits for
 * room in it (tcp_cwnd_validate, net/ipv4/tcp_output.c): only with pauses between packets. Where a packet leaves within the
 * write that fills the buffer, as the first ten do, the wait for its acknowledgement counts as congestion.
 */
const CASES: readonly Case[] = [
  {
    name: "a sender's buffer smaller than the link is long",
    link: 'delay 80ms',
    client: { bytes: 120_000, sendBuffer: 4096, pace: 500_000 },
    server: {},
    brake: 'send_buffer',
  },
  {
    name: 'a receiver that sleeps',
    link: 'delay 10ms',
    client: { bytes: 200_000 },
    server: { receiveBuffer: 8192, pause: 20 },
    brake: 'receiver',
  },
  {
    name: 'a link that loses packets',
    link: 'delay 10ms loss 8%',
    client: { bytes: 1_500_000 },
    server: {},
    brake: 'congestion',
  },
];

/** What a connection was told by TCP_INFO, and where the page has it. */
export interface Slowed {
  readonly wanted: Case;
  readonly port: number;
  readonly told: TimedTotals;
}

/** Connections between the two hosts over a link that is long, or bad. They are over when this returns. */
export async function runSlowed(net: Net): Promise<Slowed[]> {
  await net.client.ip('link set eth0 gso_max_segs 1'); // for netem a packet is what it is given at once
  const slowed: Slowed[] = [];
  try {
    for (const wanted of CASES) slowed.push(await run(net, wanted));
  } finally {
    await tc(net.client, 'del', '');
  }
  return slowed;
}

async function run(net: Net, wanted: Case): Promise<Slowed> {
  await tc(net.client, 'replace', `netem ${wanted.link}`);
  const serving = await startSlowServer(net.server, wanted.server);
  const to = { address: net.fresh(4).server, port: serving.port };
  const told = await runTimedClient(net.client, { ...wanted.client, ...to });
  await serving.stop();
  return { wanted, port: serving.port, told };
}

async function tc(host: Host, verb: string, discipline: string): Promise<void> {
  const words = `qdisc ${verb} dev eth0 root ${discipline}`.trim().split(' ');
  await host.exec(['tc', ...words]);
}

/** The page must say what the kernel told the program, and the largest part must be what held the data up. */
export async function checkSlowed(report: Report, slowed: readonly Slowed[], page: Page): Promise<void> {
  for (const { wanted, port, told } of slowed) {
    await report.check(`${wanted.name}: the page says so`, () => {
      const times = sendingTimes(page, port);
      same('busy', times.busy, told.busyUs);
      same('receiver', times.receiver, told.receiverLimitedUs);
      same('send buffer', times.sendBuffer, told.sndbufLimitedUs);
      const why = whySlow(times);
      equal(why?.brake, wanted.brake, JSON.stringify(times));
      return `${(100 * why.share).toFixed(0)} % of ${times.busy.toFixed(3)} s: ${why.words}`;
    });
  }
}

function same(what: string, seconds: number, us: number): void {
  ok(Math.abs(seconds - us / 1e6) < 1e-6, `${what}: ${seconds} s on the page, ${us} us by TCP_INFO`);
}
