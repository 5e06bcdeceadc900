import { readFile } from 'node:fs/promises';
import { inSlices } from '../util/slices.ts';
import { eventLoop } from '../util/turns.ts';
import { cleanMappings } from './clean-mappings.ts';
import { native } from './native.ts';
import { MADV_DONTNEED } from './uapi.ts';

/**
 * Gives back to the kernel what this process has in memory and does not use. Takes 5 to 10 ms, half of it the kernel's
 * reading of /proc/self/smaps, in another thread; afterwards what is used is there again within microseconds a page.
 *
 * - What the C library keeps of freed memory: loading programs takes some 20 MB for BTF, compiling and collecting garbage
 *   a few more in each of V8's threads, and none of it goes back by itself (malloc_trim(3)).
 * - Pages of code and constants, most of them used at start alone. They stay in the page cache, which all processes of the
 *   machine share and the kernel takes back from when it wants; they are not counted as ours until they are used again.
 *
 * Libraries must not be unloaded meanwhile: another mapping could come to stand in the place of theirs.
 */
export async function giveBackSpareMemory(): Promise<void> {
  // nothing where the kernel does not show them: a process that may not be traced, without root's rights
  const smaps = await readFile('/proc/self/smaps', 'latin1').catch(() => '');
  await eventLoop.next();
  await inSlices(giveBack(smaps));
}

function* giveBack(smaps: string): Generator<void> {
  const calls = native();
  calls.mallocTrim?.(0);
  yield;
  for (const { address, bytes } of cleanMappings(smaps)) {
    calls.madvise(address, bytes, MADV_DONTNEED);
    yield;
  }
}
