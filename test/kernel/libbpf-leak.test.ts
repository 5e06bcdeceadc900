import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { KernelBtf } from '../../src/libbpf/kernel-btf.ts';
import { BpfObject } from '../../src/libbpf/object.ts';
import { Features } from '../../src/libbpf/features.ts';
import { RunStatistics } from '../../src/libbpf/run-statistics.ts';
import { listLinks, listPrograms } from '../../src/libbpf/program-list.ts';
import { Binding } from '../support/binding.ts';

const binding = new Binding();

function openDescriptors(): number {
  return readdirSync('/proc/self/fd').length;
}

/** Mappings of BPF maps and links, and all of them: the heap of V8 comes and goes, so the first must be equal, the second near. */
function mappings(): { bpf: number; all: number } {
  const lines = readFileSync('/proc/self/maps', 'utf8').split('\n');
  return { bpf: lines.filter((line) => line.includes('bpf')).length, all: lines.length };
}

/** Size of this process, whether in memory or not. */
function addressSpaceBytes(): number {
  return Number(/^VmSize:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) * 1024;
}

/** Opens one of everything. */
function useEverything(closeOneByOne: boolean): void {
  const object = binding.open();
  object.rodata().initialValue();
  object.load();
  const views = [object.bss().view(), object.map('triples').view()];
  new BigUint64Array((views[0] ?? expect.unreachable()).buffer)[2] = 1000n;
  const link = object.program('count_exec').attach();
  const walk = object.program('walk_pairs').attachIter(object.map('pairs'));
  object.map('pairs').update(new Uint8Array(8), new Uint8Array(16));
  const iterator = walk.iterator();
  expect(iterator.run()).toBe(8);
  object.program('count_exec').stats();
  RunStatistics.enable().close();
  if (closeOneByOne) for (const handle of [iterator, walk, link, ...views]) handle.close();
  object.close();
}

/** Fails at each step once. */
function failEverywhere(): void {
  expect(() => BpfObject.open(Buffer.from('nothing'), { name: 'x' })).toThrow();
  const object = binding.open();
  object.program('no_such_tracepoint').setAutoload(true);
  expect(() => object.load()).toThrow();
  object.close();
  const features = new Features();
  expect(features.tracepoint('netc_nothing').answer).toBe('no');
  expect(features.hook('tc').answer).toBe('yes');
  features.close();
  const second = binding.open();
  second.load();
  expect(() => second.program('allow_send').attachCgroup(0)).toThrow();
  expect(() => second.map('pairs').view()).toThrow();
  second.close();
}

describe('a hundred rounds', () => {
  it.each([
    ['of everything, closed one by one', () => useEverything(true)],
    ['of everything, closed by the object', () => useEverything(false)],
    ['of failures', failEverywhere],
  ])('%s leave no descriptor and no mapping', (_name, round) => {
    for (let i = 0; i < 3; i++) round(); // what is made once and kept
    const descriptors = openDescriptors();
    const before = mappings();
    for (let i = 0; i < 100; i++) round();
    expect(openDescriptors()).toBe(descriptors);
    const after = mappings();
    expect(after.bpf).toBe(before.bpf);
    expect(after.all - before.all).toBeLessThan(50);
  });
});

describe("the kernel's BTF", () => {
  it('leaves its memory at close', () => {
    KernelBtf.load().close();
    const before = addressSpaceBytes();
    for (let i = 0; i < 30; i++) KernelBtf.load().close();
    expect(addressSpaceBytes() - before).toBeLessThan(64 * 2 ** 20); // one has 6 MiB or more
  });
});

describe('an open object', () => {
  it('keeps no room for a log after load', () => {
    using object = binding.open();
    const before = addressSpaceBytes();
    object.load();
    expect(addressSpaceBytes() - before).toBeLessThan(8 * 2 ** 20); // a log has 16 MiB
  });
});

describe('the kernel', () => {
  it('lists our programs with their targets and our links while they are open, and forgets them at close', async () => {
    const object = binding.open();
    object.load();
    const link = object.program('count_exec').attach();
    const id = object.program('count_exec').id;
    const ours = listPrograms().find((program) => program.id === id);
    expect(ours).toMatchObject({
      type: 'tracing',
      name: 'count_exec',
      target: 'btf_trace_sched_process_exec',
    });
    expect(listPrograms().find((program) => program.id === object.program('walk_pairs').id)?.target).toBe(
      'bpf_iter_bpf_map_elem',
    );
    expect(listLinks().filter((each) => each.programId === id)).toHaveLength(1);
    link.close();
    await expect.poll(() => listLinks().filter((each) => each.programId === id)).toEqual([]);
    object.close();
    await expect.poll(() => listPrograms().map((program) => program.id)).not.toContain(id);
  });
});
