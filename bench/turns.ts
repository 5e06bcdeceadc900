// How long a turn of the agent's event loop is while it reads a cluster's lists: thread CPU, so that other work on the machine
// is not in it: the longest of each start. As root: node bench/turns.ts [nodes] [pods] [starts]
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ApiServer } from '../test/cluster/support/api-server.ts';
import { fill } from '../test/cluster/support/bulk.ts';
import { agentsInPods } from './support/agent-in-pod.ts';
import { bench, progress } from './support/bench.ts';

const nodes = Number(process.argv[2] ?? 1_000);
const pods = Number(process.argv[3] ?? 10_000);
const starts = Number(process.argv[4] ?? 5);
const ALL_READ = /API server: \d+ pods/;

await bench(async (figures) => {
  const longestMs: number[] = [];
  await using server = await ApiServer.start();
  await fill(server.admin, { nodes, pods });
  const start = await agentsInPods(server);
  const file = join(server.folder, 'turns.json');
  const recorder = `--import ${join(import.meta.dirname, 'support/turn-recorder.ts')}`;
  for (let i = 0; i < starts; i++) {
    progress(`turns: start ${i + 1} of ${starts}`);
    const agent = await start(['--udp', 'off', '--interval', '1s'], {
      NODE_OPTIONS: recorder,
      TURNS_FILE: file,
    });
    while (!ALL_READ.test(agent.log)) await sleep(250); // not asked for: a first page is a long turn by itself
    await agent.stop();
    const turnsMs = JSON.parse(readFileSync(file, 'utf8')) as number[];
    longestMs.push(Math.max(...turnsMs));
  }
  figures.add('longest turn', { nodes, pods }, 'ms', longestMs, 1);
});
