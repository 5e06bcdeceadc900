import { deepEqual, equal, match } from 'node:assert/strict';
import { runCommand } from '../../support/agent.ts';
import { checkDoctor } from './doctor.ts';
import { checkNothingLeft } from './kernel-objects.ts';
import type { Report } from './report.ts';

/** A kernel that lacks what the agent cannot do without: it says so, and that is all. */
export async function checkTooOld(report: Report): Promise<void> {
  await checkDoctor(report, false);
  await report.check('agent: says in one line what the kernel lacks, and ends', async () => {
    const { code, stdout, stderr } = await runCommand(['agent', '--listen', '127.0.0.1:0']);
    const lines = stderr.trimEnd().split('\n');
    match(stderr, /the kernel lacks .*\(E_KERNEL_TOO_OLD\)/);
    deepEqual(lines.slice(1), []);
    equal(stdout, '');
    equal(code, 1);
    return lines[0] ?? '';
  });
  await report.check('agent: leaves nothing in the kernel', () => checkNothingLeft());
}
