// The agent on a real kernel in an emulated machine: the one of Debian 12, with a walk of its own and UDP by fentry. More
// kernels, and what each check is: npm run test:kernels, docs/reference/kernels.md.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bringKernel, bringPrograms, CACHE } from '../../tools/vm/bring.ts';
import { writeUserland } from '../../tools/vm/initramfs.ts';
import { KERNELS } from '../../tools/vm/kernels.ts';
import { ownNatives } from '../../tools/vm/natives.ts';
import { testKernel } from '../../tools/vm/test-kernel.ts';
import { TREE } from '../hosts/find-tool.ts';

const LIMIT_MS = 200_000; // of one boot: some 50 s where nothing else runs, and thrice that on a busy machine

const tested = KERNELS.filter(({ name }) => name === '6.1');
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
  mkdirSync(join(TREE, 'build/vm'), { recursive: true });
  folder = mkdtempSync(join(TREE, 'build/vm/test-'));
  userland = join(folder, 'userland.cpio');
  writeUserland(userland, ownNatives(CACHE));
}, 240_000);
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
