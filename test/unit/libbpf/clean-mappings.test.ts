import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { cleanMappings } from '../../../src/libbpf/clean-mappings.ts';

/** An entry of smaps, with the lines that matter among some of the others. */
function entry(head: string, anonymousKb: number): string {
  return `${head}\nSize:                 64 kB\nRss:                  64 kB\nAnonymous:      ${anonymousKb} kB
AnonHugePages:         0 kB\nVmFlags: rd ex mr mw me\n`;
}

describe('mappings that nothing was changed in', () => {
  test('are the code and the constants of programs and libraries', () => {
    const smaps =
      entry('00400000-00500000 r--p 00000000 fe:01 4711                              /usr/bin/node', 0) +
      entry('7f0000000000-7f0000001000 r-xp 00100000 fe:01 4712       /usr/lib/a folder/libc.so.6', 0);
    expect(cleanMappings(smaps)).toEqual([
      { address: 0x400000n, bytes: 0x100000 },
      { address: 0x7f0000000000n, bytes: 0x1000 },
    ]);
  });

  test.each([
    ['that was written while it could be', entry('1000-2000 r--p 00000000 fe:01 4711 /usr/bin/node', 4)],
    ['that can be written', entry('1000-2000 rw-p 00000000 fe:01 4711 /usr/bin/node', 0)],
    ['that is shared', entry('1000-2000 r--s 00000000 fe:01 4711 /usr/bin/node', 0)],
    ['of no file', entry('1000-2000 r-xp 00000000 00:00 0', 0)],
    ['of the kernel', entry('7fff1000-7fff2000 r-xp 00000000 00:00 0          [vdso]', 0)],
    ['of a BPF map', entry('1000-2000 r--p 00000000 00:10 1038               anon_inode:bpf-map', 0)],
  ])('are not one %s', (_, smaps) => {
    expect(cleanMappings(smaps)).toEqual([]);
  });

  test('of this process have its program among them, and none is written to', () => {
    const found = cleanMappings(readFileSync('/proc/self/smaps', 'latin1'));
    expect(found.reduce((sum, { bytes }) => sum + bytes, 0)).toBeGreaterThan(10 * 2 ** 20);
    const maps = readFileSync('/proc/self/maps', 'latin1');
    for (const { address } of found)
      expect(maps).toMatch(new RegExp(`^0*${address.toString(16)}-\\w+ r-[x-]p .*/`, 'm'));
  });
});
