import { spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, rmdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { BpfObject } from '../../src/libbpf/object.ts';
import { cgroup2Mount } from '../hosts/cgroup.ts';
import { Binding } from '../support/binding.ts';

const binding = new Binding();
let object: BpfObject;

beforeEach(() => {
  object = binding.open();
});

/** Starts a program under a name of its own, `times` times, so that only these starts are counted. */
function startPrograms(comm: string, times: number): void {
  const directory = mkdtempSync(join(tmpdir(), 'netc-exec-'));
  try {
    symlinkSync('/bin/true', join(directory, comm));
    for (let i = 0; i < times; i++) expect(spawnSync(join(directory, comm)).error).toBeUndefined();
  } finally {
    rmSync(directory, { recursive: true });
  }
}

describe('a BPF object', () => {
  it('counts exactly the events after attach and before close, in live memory', () => {
    const comm = `netc-${process.pid}`;
    new Uint8Array(object.rodata().initialValue()).set(Buffer.from(comm));
    object.load();
    startPrograms(comm, 2); // loaded is not attached

    const counters = new BigUint64Array(object.bss().view().buffer, 0, 1);
    const link = object.program('count_exec').attach();
    expect(counters[0]).toBe(0n);
    startPrograms(comm, 5);
    expect(counters[0]).toBe(5n);
    startPrograms('netc-other', 3);
    link.close();
    startPrograms(comm, 3);
    expect(counters[0]).toBe(5n);

    const triples = new Uint32Array(object.map('triples').view().buffer);
    expect(triples[3 * 4 + 1]).toBe(5); // entry 3, field b; 12 bytes of value are 16 apart
  });

  it('names its programs with their sections, and its maps with their sizes', () => {
    expect(
      object.programs().map((program) => [program.name, program.section, program.autoload]),
    ).toContainEqual(['walk_pairs', 'iter/bpf_map_elem', true]);
    const pairs = object.map('pairs');
    expect([pairs.keySize, pairs.valueSize, pairs.lookupSize, pairs.maxEntries]).toEqual([8, 16, 16, 64]);
    expect(object.bss().name).toBe('kube_net.bss');
    expect(object.rodata().name).toBe('kube_net.rodata');
    expect(() => object.program('nobody')).toThrow(
      "use of program 'nobody' failed: BPF object 'kube_netc' has no such",
    );
    expect(() => object.map('nowhere')).toThrow('no such map');
  });

  it('loads what is switched on and nothing else', () => {
    object.program('walk_pairs').setAutoload(false);
    expect(object.program('count_exec').loaded).toBe(false);
    object.load();
    expect(object.program('count_exec').loaded).toBe(true);
    expect(object.program('count_exec').id).toBeGreaterThan(0);
    expect(object.program('walk_pairs').loaded).toBe(false);
    expect(() => object.program('walk_pairs').fd).toThrow(
      "program 'walk_pairs' (iter/bpf_map_elem) failed: it is not loaded",
    );
    expect(() => object.program('at_entry').attach()).toThrow('it is not loaded');
  });

  it('refuses steps out of order', () => {
    expect(() => object.map('pairs').fd).toThrow("use of map 'pairs' failed: it is not loaded");
    expect(() => object.program('count_exec').attach()).toThrow('it is not loaded');
    object.map('pairs').setMaxEntries(7);
    object.load();
    expect(object.map('pairs').maxEntries).toBe(7);
    expect(() => object.load()).toThrow("loading BPF object 'kube_netc' failed: it was loaded before");
    expect(() => object.map('pairs').setMaxEntries(8)).toThrow('EBUSY');
    expect(() => object.program('count_exec').setAutoload(false)).toThrow('EINVAL');
    expect(() => object.rodata().initialValue()).toThrow('it is loaded already');
  });

  it('takes the initial values away at load, so that nobody writes into what the kernel has', () => {
    const constants = object.rodata().initialValue();
    const view = new DataView(constants);
    expect(object.rodata().initialValue()).toBe(constants);
    expect(constants.byteLength).toBe(16);
    object.load();
    expect(constants.detached).toBe(true);
    expect(() => view.getUint8(0)).toThrow(TypeError);
    expect(() => object.map('pairs').initialValue()).toThrow('it is loaded already');
  });

  it('has no initial value for a map that is no section', () => {
    expect(() => object.map('pairs').initialValue()).toThrow('it is not a section of variables');
  });

  it('closes once, with all that was made from it, and says so afterwards', () => {
    object.load();
    const link = object.program('count_exec').attach();
    const view = object.bss().view();
    const program = object.program('count_exec');
    const map = object.map('pairs');
    object.close();
    object.close();
    expect([link.closed, view.closed]).toEqual([true, true]);
    link.close();
    view.close();
    for (const use of [
      () => object.load(),
      () => program.attach(),
      () => program.stats(),
      () => map.maxEntries,
    ]) {
      expect(use).toThrow("use of BPF object 'kube_netc' failed: it is closed");
    }
    expect(() => map.lookup(new Uint8Array(8))).toThrow('it is closed');
    expect(() => link.fd).toThrow("use of link of program 'count_exec' failed: it is closed");
    expect(() => view.buffer).toThrow("use of view of map 'kube_net.bss' failed: it is closed");
  });

  it('is closed at the end of its block', () => {
    let kept: BpfObject;
    {
      using inner = binding.open();
      inner.load();
      kept = inner;
    }
    expect(kept.closed).toBe(true);
  });

  it('hangs a cgroup program on a cgroup directory', (context) => {
    const mount = cgroup2Mount();
    context.skip(mount === null, 'cgroup v2 is not mounted');
    const directory = join(mount ?? '', `netc-test-${process.pid}`);
    mkdirSync(directory);
    const fd = openSync(directory, 'r');
    try {
      object.load();
      const link = object.program('allow_send').attachCgroup(fd);
      expect(link.fd).toBeGreaterThan(2);
      link.close();
    } finally {
      closeSync(fd);
      rmdirSync(directory);
    }
  });
});

describe('opening', () => {
  it('says which file is not there', () => {
    expect(() => BpfObject.open('/nonexistent/x.bpf.o', { name: 'x' })).toThrow('/nonexistent/x.bpf.o');
  });

  it('says what is no BPF object', () => {
    expect(() => BpfObject.open(import.meta.filename, { name: 'x' })).toThrow(
      `opening BPF object '${import.meta.filename}' failed: `,
    );
    expect(() => BpfObject.open(Buffer.from('not an ELF file at all'), { name: 'x' })).toThrow(
      /^opening BPF object 'x' failed: LIBBPF_FORMAT /,
    );
  });
});
