import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { native } from '../../src/libbpf/native.ts';
import { giveBackSpareMemory } from '../../src/libbpf/spare-memory.ts';

function kilobytes(name: string): number {
  return Number(
    new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(readFileSync('/proc/self/status', 'latin1'))?.[1],
  );
}

describe('memory that is not used', () => {
  test('goes back to the kernel, and everything works as before', async () => {
    const vmlinux = native().btfLoadVmlinux();
    if (vmlinux !== null) native().btfFree(vmlinux);
    const before = { file: kilobytes('RssFile'), all: kilobytes('VmRSS') };
    await giveBackSpareMemory();
    expect(kilobytes('RssFile')).toBeLessThan(before.file - 10_000);
    expect(kilobytes('VmRSS')).toBeLessThan(before.all - 10_000);
    const texts = Array.from({ length: 10_000 }, (_, i) => JSON.stringify({ i, text: `${i}`.repeat(10) }));
    expect(texts.map((text) => (JSON.parse(text) as { i: number }).i)).toEqual(texts.map((_, i) => i));
    await giveBackSpareMemory();
    expect(native().version()).toMatch(/^v/);
  });
});
