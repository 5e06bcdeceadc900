import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test, type TestContext } from 'vitest';
import * as abi from '../../../src/abi/records.gen.ts';
import { generateAbi } from '../../../tools/gen-abi.ts';

const ROOT = join(import.meta.dirname, '../../..');
const OBJECT = join(ROOT, 'build/kube-netc.bpf.o');

type Layout = Readonly<Record<string, number>> & { readonly size: number };
type Lengths = Readonly<Record<string, Readonly<Record<string, number>>>>;

const { Role, ConnectFailure, BookState, Outsider, ArrayLength, ...structs } = abi;
const STRUCTS: readonly (readonly [string, Layout])[] = Object.entries(structs);
const VALUES: Readonly<Record<string, number>> = { ...Role, ...ConnectFailure, ...BookState, ...Outsider };

/** localAddr is local_addr, FlowKey is flow_key. */
function snake(name: string): string {
  return name.replace(/(?<!^)[A-Z]/g, '_$&').toLowerCase();
}

/** What TypeScript believes of a structure, as assertions of C. Without a hole its fields add up to its size. */
function assertions(name: string, layout: Layout): string[] {
  const type = `struct ${snake(name)}`;
  const { size, ...fields } = layout;
  const sizes = Object.keys(fields).map((field) => `sizeof(((${type} *)0)->${snake(field)})`);
  return [
    `_Static_assert(sizeof(${type}) == ${size}, "size of ${name}");`,
    ...Object.entries(fields).map(
      ([field, at]) =>
        `_Static_assert(__builtin_offsetof(${type}, ${snake(field)}) == ${at}, "${name}.${field}");`,
    ),
    `_Static_assert(${sizes.join(' + ')} == sizeof(${type}), "hole or unknown field in ${name}");`,
  ];
}

/** What it believes of the arrays in them. */
function lengthAssertions(lengths: Lengths): string[] {
  return Object.entries(lengths).flatMap(([name, arrays]) =>
    Object.entries(arrays).map(([field, length]) => {
      const array = `((struct ${snake(name)} *)0)->${snake(field)}`;
      return `_Static_assert(sizeof(${array}) / sizeof(${array}[0]) == ${length}, "length of ${name}.${field}");`;
    }),
  );
}

function source(of: typeof STRUCTS, values: typeof VALUES, lengths: Lengths): string {
  return [
    'typedef unsigned char __u8;',
    'typedef unsigned short __u16;',
    'typedef unsigned int __u32;',
    'typedef unsigned long long __u64;',
    '#include "records.h"',
    ...of.flatMap(([name, layout]) => assertions(name, layout)),
    ...lengthAssertions(lengths),
    ...Object.entries(values).map(([name, value]) => `_Static_assert(${name} == ${value}, "${name}");`),
  ].join('\n');
}

function findClang(): string | null {
  const found = spawnSync('sh', ['-c', '. tools/lib.sh && llvm_program clang'], { cwd: ROOT });
  return found.status === 0 ? found.stdout.toString().trim() : null;
}

const clang = findClang();

/** What the compiler of the kernel side finds wrong with these beliefs; '' is nothing. */
function complaints(of: typeof STRUCTS, values: typeof VALUES = {}, lengths: Lengths = {}): string {
  const folder = mkdtempSync(join(tmpdir(), 'kube-netc-abi-'));
  try {
    const file = join(folder, 'layouts.c');
    writeFileSync(file, source(of, values, lengths));
    const flags = ['-target', 'bpf', '-fsyntax-only', '-Wall', '-I', join(ROOT, 'kernel/include')];
    const { stderr } = spawnSync(clang ?? '', [...flags, file]);
    return stderr.toString();
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function needs(context: TestContext, there: boolean, what: string): void {
  if (!there) context.skip(`needs ${what}`);
}

describe('sizes and offsets', () => {
  test('are those of the header for the compiler of the kernel side, without holes', (context) => {
    needs(context, clang !== null, 'clang 16 or newer');
    expect(STRUCTS.map(([name]) => name)).toContain('LiveRecord');
    expect(complaints(STRUCTS, VALUES, ArrayLength)).toBe('');
  });

  test('that are wrong would be noticed', (context) => {
    needs(context, clang !== null, 'clang 16 or newer');
    const { Owner } = structs;
    const { reserved, ...known } = Owner;
    expect(complaints([['Owner', { ...Owner, pid: 12 }]])).toContain('Owner.pid');
    expect(complaints([['Owner', { ...Owner, size: 32 }]])).toContain('size of Owner');
    expect(complaints([['Owner', known]])).toContain('hole or unknown field in Owner');
    expect(complaints([], { ROLE_SERVER: reserved })).toContain('ROLE_SERVER');
    expect(complaints([], {}, { Owner: { comm: 15 } })).toContain('length of Owner.comm');
  });

  test('keep each record at eight bytes, so that its 64-bit numbers are whole in an array of records', () => {
    for (const [name, { size }] of STRUCTS) expect([name, size % 8]).toEqual([name, 0]);
    expect(abi.Slot.size).toBe(64);
  });

  test('grow from field to field: none overlaps, none lies outside', () => {
    for (const [name, { size, ...fields }] of STRUCTS) {
      const offsets = Object.values(fields);
      expect([name, offsets[0]]).toEqual([name, 0]);
      expect([name, [...new Set(offsets)].sort((a, b) => a - b)]).toEqual([name, offsets]);
      expect(Math.max(...offsets)).toBeLessThan(size);
    }
  });
});

function hasBpftool(): boolean {
  const env = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` };
  return spawnSync('bpftool', ['version'], { env }).status === 0;
}

describe('the generated file', () => {
  test('is what the built object says', (context) => {
    needs(context, hasBpftool() && existsSync(OBJECT), 'bpftool and build/kube-netc.bpf.o');
    expect(readFileSync(join(ROOT, 'src/abi/records.gen.ts'), 'utf8')).toBe(generateAbi(OBJECT));
  });

  test('cannot be made from an object without our structures', (context) => {
    needs(context, hasBpftool() && clang !== null, 'bpftool and clang 16 or newer');
    const empty = join(mkdtempSync(join(tmpdir(), 'kube-netc-abi-')), 'empty.o');
    try {
      execFileSync(clang ?? 'clang', ['-target', 'bpf', '-g', '-xc', '-c', '-o', empty, '-'], {
        input: 'int nothing __attribute__((section("license"))) = 1;',
      });
      expect(() => generateAbi(empty)).toThrow('has no struct flow_key');
    } finally {
      rmSync(join(empty, '..'), { recursive: true });
    }
  });
});
