// Tests the agent on real kernels: node tools/vm/run.ts [NAME...] [--newer] [--page]. Without names: all of kernels.ts.
// --newer looks for newer packages than those of the cache, --page writes docs/reference/kernels.md.
// Exit code 0: all passed, 1: one has failed, 2: of one nothing is known.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BUILD, bringKernel, bringPrograms } from './bring.ts';
import { arm64Natives } from './foreign-natives.ts';
import { writeUserland } from './initramfs.ts';
import { type Kernel, KERNELS } from './kernels.ts';
import { ownNatives } from './natives.ts';
import { kernelsPage } from './page.ts';
import { type Tested, testKernel } from './test-kernel.ts';

const TREE = join(import.meta.dirname, '../..');
const LIMIT_MS = 300_000;
const NATIVES = { amd64: ownNatives, arm64: arm64Natives } as const;
const AT_ONCE = 2; // emulated machines: each keeps one core busy

const flags = process.argv.slice(2).filter((word) => word.startsWith('--'));
const names = process.argv.slice(2).filter((word) => !word.startsWith('--'));
const wanted = names.length === 0 ? KERNELS : KERNELS.filter(({ name }) => names.includes(name));
if (wanted.length < names.length || flags.some((word) => !['--newer', '--page'].includes(word))) {
  console.error(`usage: run.ts [${KERNELS.map(({ name }) => name).join('|')}]... [--newer] [--page]`);
  process.exit(2);
}

/** Kernels that can be had; of the others it says why not. */
async function bring(kernels: readonly Kernel[]): Promise<Kernel[]> {
  const found: Kernel[] = [];
  for (const kernel of kernels) {
    const problem =
      (await bringPrograms(kernel.architecture)) ?? (await bringKernel(kernel, flags.includes('--newer')));
    if (problem === null) found.push(kernel);
    else console.log(`INFRA ${kernel.name}: ${problem}`);
  }
  return found;
}

function show(tested: Tested): void {
  const { kernel, kind, release, reason, tookMs, checks, log } = tested;
  const seconds = (tookMs / 1000).toFixed(1);
  console.log(`${kind} ${kernel.name}: Linux ${release ?? 'unknown'}, ${checks.length} checks, ${seconds} s`);
  if (kind === 'PASS') return;
  console.log(`  ${reason}; the serial line is in ${log}`);
  for (const { name, passed, detail } of checks) if (!passed) console.log(`  failed: ${name}: ${detail}`);
}

async function testAll(kernels: readonly Kernel[]): Promise<Tested[]> {
  const left = [...kernels];
  const done: Tested[] = [];
  const work = async (): Promise<void> => {
    for (let kernel = left.shift(); kernel; kernel = left.shift()) {
      const tested = await testKernel(kernel, userlands[kernel.architecture], BUILD, LIMIT_MS);
      show(tested);
      done.push(tested);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return done.sort((a, b) => kernels.indexOf(a.kernel) - kernels.indexOf(b.kernel));
}

mkdirSync(BUILD, { recursive: true });
const kernels = await bring(wanted);
const userlands = { amd64: join(BUILD, 'userland-amd64.cpio'), arm64: join(BUILD, 'userland-arm64.cpio') };
for (const architecture of new Set(kernels.map((kernel) => kernel.architecture))) {
  writeUserland(userlands[architecture], NATIVES[architecture]());
}
const tested = await testAll(kernels);
if (flags.includes('--page'))
  writeFileSync(join(TREE, 'docs/reference/kernels.md'), kernelsPage(tested, new Date()));
const unknown = wanted.length - tested.filter(({ kind }) => kind !== 'INFRA').length;
const failed = tested.filter(({ kind }) => kind === 'FAIL').length;
console.log(
  `${tested.length - failed - (unknown - (wanted.length - tested.length))} passed, ${failed} failed, ${unknown} unknown`,
);
process.exitCode = failed > 0 ? 1 : unknown > 0 ? 2 : 0;
