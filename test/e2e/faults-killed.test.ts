// An agent that is killed at any moment of its life, many times over: the kernel keeps nothing of it, and the next has all.
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { programsOf } from '../../src/libbpf/trial-load.ts';
import { HeldTcp, startTcpServer } from '../hosts/tcp-traffic.ts';
import { whyNoLab } from '../hosts/why-no-lab.ts';
import { spawnAgent } from '../support/agent.ts';
import { orphans } from '../support/bpf-objects.ts';
import { ExactLab, freshPage, startAgent } from '../support/exact-lab.ts';
import { FULL_SIZE } from '../support/full-size.ts';
import { setUp } from '../support/set-up.ts';
import { clientSums, mirrored } from '../support/tcp-exactness.ts';

const skip = whyNoLab();
const KILLS = FULL_SIZE ? 100 : 20;
const AT_ONCE = 4;
/** From before it loads anything until it has served pages for a while. */
const LIFE_MAX_MS = 1_500;
const FLAGS = ['--listen', '127.0.0.1:0', '--interval', '100ms', '--udp', 'off', '--max-sockets', '16384'];
const CONNECTIONS = 100;

describe('agents that are killed', () => {
  let exact: ExactLab;

  setUp(skip, async (closing) => {
    exact = closing.use(await ExactLab.open());
  });

  it(
    `at ${KILLS} random moments leave nothing in the kernel, and the next one has every byte`,
    { timeout: 600_000 },
    async () => {
      const names = programsOf('build/kube-netc.bpf.o').map(({ name }) => name);
      const { port } = await startTcpServer(exact.server);
      const [from, to] = exact.addresses();
      const held = await HeldTcp.open(exact.client, {
        address: to,
        port,
        connections: CONNECTIONS,
        request: 500,
      });
      for (let killed = 0; killed < KILLS; killed += AT_ONCE) {
        await Promise.all([held.send(randomInt(16, 5_000)), ...Array.from({ length: AT_ONCE }, killOne)]);
      }
      expect(await orphans(names)).toEqual([]);
      const sent = await held.send(1_000);
      await using agent = await startAgent('--udp', 'off');
      const page = await freshPage(agent, 'connections');
      expect({ client: page.pair(from, to, port), server: page.pair(to, from) }).toEqual({
        client: clientSums(sent, CONNECTIONS),
        server: mirrored(sent, CONNECTIONS),
      });
    },
  );
});

/** Starts one that is asked for pages all the time, and kills it at a random moment. */
async function killOne(): Promise<void> {
  const agent = spawnAgent(FLAGS);
  const ended = once(agent, 'exit');
  let log = '';
  agent.stderr?.on('data', (data: Buffer) => {
    const before = log;
    log += data.toString();
    const url = /serving (\S+)/.exec(log)?.[1];
    if (url !== undefined && !before.includes('serving')) void askUntilEnd(url, ended);
  });
  await sleep(randomInt(LIFE_MAX_MS));
  agent.kill('SIGKILL');
  expect(await ended).toEqual([null, 'SIGKILL']);
}

async function askUntilEnd(url: string, ended: Promise<unknown>): Promise<void> {
  const state = { over: false };
  void ended.then(() => (state.over = true));
  while (!state.over)
    await fetch(url)
      .then((response) => response.text())
      .catch(() => {});
}
