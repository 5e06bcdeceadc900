import { equal, match } from 'node:assert/strict';
import { runCommand } from '../../support/agent.ts';
import type { Report } from './report.ts';

/** `kube-netc doctor` says what the agent then does. */
export async function checkDoctor(report: Report, runs: boolean): Promise<void> {
  await report.check(`doctor: says that the agent ${runs ? 'runs' : 'cannot run'} here`, async () => {
    const { code, stdout, stderr } = await runCommand(['doctor']);
    const [, walk = ''] = /^probe (walk_\w+) +ok/m.exec(stdout) ?? [];
    const missing = [...stdout.matchAll(/^(?:probe )?(.+?) +(missing|less) +(.*)$/gm)];
    for (const [, name, verdict, found] of missing) console.log(`doctor: ${name} ${verdict}: ${found}`);
    equal(stderr, '');
    match(stdout, runs ? /^The agent runs here/m : /^The agent cannot run here/m);
    equal(code, runs ? 0 : 1);
    return walk;
  });
}
