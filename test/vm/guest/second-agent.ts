import { deepEqual, equal, ok } from 'node:assert/strict';
import { listLinks, listPrograms } from '../../../src/libbpf/program-list.ts';
import { settled } from '../../support/bpf-objects.ts';
import { LimitedCgroup } from '../../support/limited.ts';
import type { Page } from '../../support/page.ts';
import type { Older } from './older.ts';
import type { Report } from './report.ts';
import { RunningAgent } from './running-agent.ts';

const MIB = 2 ** 20;
const GIVEN_BYTES = 256 * MIB; // by config/install.yaml

/** Beside the first one, told what to do with UDP, and in a cgroup of v2 that limits its memory, at last to too little. */
export async function checkSecondAgent(
  report: Report,
  older: readonly Older[],
  flags: readonly string[],
): Promise<void> {
  const before = kernelObjects();
  await using memory = LimitedCgroup.open('memory', 'second-agent');
  if (memory === null) throw new Error('cgroup v2 limits no memory here');
  memory.limit(GIVEN_BYTES);
  const agent = await RunningAgent.start([...flags, '--udp', 'fentry'], memory.prefix);
  const page = await agent.newestPage();
  report.time('start of another agent');
  await report.check('agent: --udp=fentry takes fentry', () => takesFentry(page));
  for (const each of older) await each.check(report, 'that starts later', page, true);
  const takenBytes = memory.memoryBytes;
  await report.check('agent, ended by a memory limit (cgroup v2): leaves nothing in the kernel', async () => {
    ok(kernelObjects().length > before.length);
    memory.limit(MIB);
    deepEqual(await agent.ended, { code: null, signal: 'SIGKILL' });
    deepEqual(await settled(() => kernelObjects().filter((each) => !before.includes(each))), []);
    return `${(takenBytes / MIB).toFixed(0)} MiB before`;
  });
}

export function takesFentry(page: Page): void {
  equal(page.value('kube_netc_agent_udp_mode', { mode: 'fentry' }), 1);
}

/** Programs and links of the machine, by id. */
function kernelObjects(): string[] {
  return [...listPrograms().map(({ id }) => `program ${id}`), ...listLinks().map(({ id }) => `link ${id}`)];
}
