import { appendFileSync, copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { boot } from './boot.ts';
import { CACHE } from './bring.ts';
import { writeModules } from './initramfs.ts';
import { folderOf, type Kernel } from './kernels.ts';
import { type Verdict, verdictOf } from './verdict.ts';

/** A kernel's verdict, and what it took. */
export interface Tested extends Verdict {
  readonly kernel: Kernel;
  readonly package: string;
  readonly tookMs: number;
  /** The serial line of the last boot. */
  readonly log: string;
}

/**
 * Boots a kernel of the cache with the userland, and judges. Where the machine fails, once more: a busy host, or the
 * emulator.
 * @param folder for its files
 */
export async function testKernel(
  kernel: Kernel,
  userland: string,
  folder: string,
  limitMs: number,
): Promise<Tested> {
  mkdirSync(folder, { recursive: true });
  const from = join(CACHE, folderOf(kernel));
  const initramfs = join(folder, `${kernel.name}.cpio`);
  const log = join(folder, `${kernel.name}.log`);
  const modules = join(folder, `${kernel.name}-modules.cpio`);
  writeModules(modules, from);
  copyFileSync(userland, initramfs);
  appendFileSync(initramfs, readFileSync(modules));
  const once = async (): Promise<Tested> => {
    const booted = await boot({ kernel, vmlinuz: join(from, 'vmlinuz'), initramfs, limitMs });
    writeFileSync(log, booted.serial);
    const name = readFileSync(join(from, 'package'), 'utf8').trim();
    return { ...verdictOf(kernel, booted), kernel, package: name, tookMs: booted.tookMs, log };
  };
  try {
    const first = await once();
    return first.kind === 'INFRA' ? await once() : first;
  } finally {
    rmSync(initramfs, { force: true });
    rmSync(modules, { force: true });
  }
}
