// The agent on real kernels in emulated machines: that of Debian 12, with a walk of its own, and the newest there is, which
// takes CPUs from programs. More kernels, and what each check is: npm run test:kernels, docs/reference/kernels.md.
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BUILD, bringKernel, bringPrograms } from '../../tools/vm/bring.ts';
import { writeUserland } from '../../tools/vm/initramfs.ts';
import { KERNELS } from '../../tools/vm/kernels.ts';
import { ownNatives } from '../../tools/vm/natives.ts';
import { testKernel } from '../../tools/vm/test-kernel.ts';

const LIMIT_MS = 300_000; // of one boot: 90 s beside the other one and a load of 4, 190 s beside one of 15

const tested = KERNELS.filter(({ name }) => name === '6.1' || name === 'newest');
const absent = new Map<string, string>(); // kernels that cannot be had, and why
let folder = '';
let userland = '';

beforeAll(async () => {
  const noMachine = process.arch === 'x64' ? await bringPrograms('amd64') : `this machine is ${process.arch}`;
  for (const kernel of tested) {
    const problem = noMachine ?? (await bringKernel(kernel));
    if (problem !== null) absent.set(kernel.name, problem);
  }
  if (absent.size === tested.length) return;
  folder = mkdtempSync(join(BUILD, 'test-'));
  userland = join(folder, 'userland.cpio');
  writeUserland(userland, ownNatives());
}, 600_000);
afterAll(() => {
  if (folder !== '') rmSync(folder, { recursive: true });
});

describe.concurrent('the agent in an emulated machine', () => {
  it.for(tested)(
    'counts to the byte on kernel $name',
    { timeout: 2 * LIMIT_MS + 10_000 },
    async (kernel, { skip }) => {
      const why = absent.get(kernel.name);
      if (why !== undefined) skip(`no kernel ${kernel.name} to boot: ${why}`);
      const { kind, reason, checks, release } = await testKernel(kernel, userland, folder, LIMIT_MS);
      const failed = checks.filter(({ passed }) => !passed).map(({ name, detail }) => `${name}: ${detail}`);
      expect({ kind, reason, failed }, `Linux ${release}`).toEqual({ kind: 'PASS', reason: '', failed: [] });
    },
  );
});
