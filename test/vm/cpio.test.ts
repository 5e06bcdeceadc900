import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { type Content, writeCpio } from '../../tools/vm/cpio.ts';

const MAGIC = '070701';
const HEADER = 110;

/** Names and sizes of an archive, read by the rules of the format. */
function list(archive: Buffer): [name: string, mode: string, size: number][] {
  const found: [string, string, number][] = [];
  for (let at = 0; ;) {
    const field = (n: number): number =>
      Number.parseInt(archive.toString('latin1', at + 6 + n * 8, at + 14 + n * 8), 16);
    expect(archive.toString('latin1', at, at + 6)).toBe(MAGIC);
    const [mode, size, length] = [field(1), field(6), field(11)];
    const name = archive.toString('latin1', at + HEADER, at + HEADER + length - 1);
    if (name === 'TRAILER!!!') return found;
    found.push([name, mode.toString(8), size]);
    at = align(align(at + HEADER + length) + size);
  }
}

function align(offset: number): number {
  return Math.ceil(offset / 4) * 4;
}

it('an initramfs holds files, links, and each folder once and first', () => {
  const folder = mkdtempSync(join(tmpdir(), 'kube-netc-cpio-'));
  try {
    const [archive, file] = [join(folder, 'a.cpio'), join(folder, 'file')];
    writeFileSync(file, 'seven77');
    writeCpio(
      archive,
      new Map<string, Content>([
        ['/a/b/x', Buffer.from('12345')],
        ['/a/b/y', { file }],
        ['/z', { link: 'a/b/x' }],
      ]),
    );
    expect(list(readFileSync(archive))).toEqual([
      ['a', '40755', 0],
      ['a/b', '40755', 0],
      ['a/b/x', '100755', 5],
      ['a/b/y', '100755', 7],
      ['z', '120777', 5],
    ]);
    expect(statSync(archive).size % 4).toBe(0); // another one may follow
    expect(execFileSync('tail', ['-c', '16', archive], { encoding: 'latin1' })).toContain('TRAILER!!!');
  } finally {
    rmSync(folder, { recursive: true });
  }
});
