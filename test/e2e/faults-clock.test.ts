// Clocks that are set, forward and back: what is counted, and how fast, hangs on none of them.
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { uptime } from 'node:os';
import { describe, expect, it } from 'vitest';
import { HeldTcp, startTcpServer, type TcpTotals } from '../hosts/tcp-traffic.ts';
import { whyNoLab } from '../hosts/why-no-lab.ts';
import { TestAgent } from '../support/agent.ts';
import { ExactLab, freshPage } from '../support/exact-lab.ts';
import { setUp } from '../support/set-up.ts';
import { SumWatch } from '../support/sum-watch.ts';
import { clientSums, mirrored } from '../support/tcp-exactness.ts';

const skip = whyNoLab();
const FLAGS = ['--udp', 'off', '--max-sockets', '16384', '--series-ttl', '1h'];
const CONNECTIONS = 20;
const YEAR_S = 365 * 86_400;
/** Loaded into an agent: its wall clock is off by the seconds in a file. */
const WALL_CLOCK = `
import { readFileSync } from 'node:fs';
const now = Date.now;
Date.now = () => now() + Number(readFileSync(process.env.TEST_WALL_CLOCK_OFFSET, 'utf8')) * 1000;
`;
/** No link within this machine carries more. */
const RATE_MAX = 1e11;

describe('an agent whose clock is set', () => {
  let exact: ExactLab;
  let port: number;
  let held: HeldTcp;

  setUp(skip, async (closing) => {
    exact = closing.use(await ExactLab.open());
    ({ port } = await startTcpServer(exact.server));
    const address = exact.server.v4;
    held = await HeldTcp.open(exact.client, { address, port, connections: CONNECTIONS, request: 3_000 });
  });

  /** Expects both ends to the byte, rates that can be, and nothing that fell since the last look. */
  async function expectAll(agent: TestAgent, sent: TcpTotals, watch: SumWatch): Promise<void> {
    const page = await freshPage(agent, 'connections', 'workloads');
    const [from, to] = exact.addresses();
    expect({ client: page.pair(from, to, port), server: page.pair(to, from) }).toEqual({
      client: clientSums(sent, CONNECTIONS),
      server: mirrored(sent, CONNECTIONS),
    });
    watch.look(page);
    expect(watch.problems).toEqual([]);
    for (const { value } of page.find('bytes_sent_per_second')) expect(value).toBeLessThan(RATE_MAX);
    for (const { value } of page.find('kube_netc_edge_busy_seconds_total'))
      expect(value).toBeLessThan(uptime());
    expect(agent.log).not.toContain('"level":50');
  }

  function newWatch(): SumWatch {
    return new SumWatch(Infinity, ({ source_address: at }) => at === exact.client.v4);
  }

  it('a year forward and two back counts on, loses no series, and every sum holds', async () => {
    const offset = join(exact.lab.folder, 'offset');
    const clock = join(exact.lab.folder, 'clock.mjs');
    writeFileSync(offset, '0');
    writeFileSync(clock, WALL_CLOCK);
    await using agent = await TestAgent.start(FLAGS, {
      NODE_OPTIONS: `--import=${clock}`,
      TEST_WALL_CLOCK_OFFSET: offset,
    });
    const watch = newWatch();
    for (const seconds of [0, YEAR_S, -YEAR_S]) {
      writeFileSync(offset, String(seconds));
      await expectAll(agent, await held.send(10_000), watch);
    }
    expect(await agent.stop()).toEqual({ code: 0, signal: null });
    expect(lastTime(agent)).toBeLessThan(Date.now() - (YEAR_S * 1000) / 2); // it did take that clock for its own
  });

  // The kernel's programs read the machine's clock, we read that of our namespace.
  it.for([YEAR_S, -1])(
    '(monotonic, by a time namespace: %i) counts as any other',
    async (seconds, context) => {
      const shift = seconds > 0 ? seconds : -Math.floor(uptime() / 2);
      const prefix = [
        'setpriv',
        '--pdeathsig',
        'KILL',
        '--',
        'unshare',
        '--time',
        '--fork',
        '--kill-child',
        `--monotonic=${shift}`,
      ];
      const [file = '', ...rest] = prefix;
      if (spawnSync(file, [...rest, 'true']).status !== 0) {
        context.skip('no time namespaces here');
        return;
      }
      await using agent = await TestAgent.start(FLAGS, {}, prefix);
      const watch = newWatch();
      for (const bytes of [10_000, 20_000]) await expectAll(agent, await held.send(bytes), watch);
    },
  );
});

/** Of the last line of the log, ms since 1970. */
function lastTime(agent: TestAgent): number {
  return (JSON.parse(agent.log.trimEnd().split('\n').at(-1) ?? '{}') as { time: number }).time;
}
