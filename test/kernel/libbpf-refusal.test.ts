import { rmSync, readFileSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { Features } from '../../src/libbpf/features.ts';
import { ProbeLoadError } from '../../src/libbpf/load-error.ts';
import { onMessage } from '../../src/libbpf/messages.ts';
import type { BpfObject } from '../../src/libbpf/object.ts';
import { Binding } from '../support/binding.ts';

const binding = new Binding();
let object: BpfObject;

beforeEach(() => {
  object = binding.open();
});

/** Loads with one more program switched on, and gives the error. */
function loadWith(program: string): ProbeLoadError {
  object.program(program).setAutoload(true);
  try {
    object.load();
  } catch (error) {
    if (error instanceof ProbeLoadError) return error;
    throw error;
  }
  throw new Error(`${program} was loaded`);
}

describe('a program that the verifier refuses', () => {
  it('is named with the reason; the last lines and the whole log are at hand', () => {
    const error = loadWith('unchecked_lookup');
    const { lastLines, logPath } = error;
    expect(error.message).toBe(
      "the kernel refused to load program 'unchecked_lookup' (raw_tp/sys_enter): R0 invalid mem access 'map_value_or_null' (EACCES)",
    );
    expect([error.code, error.program, error.errno]).toEqual(['E_PROBE_LOAD', 'unchecked_lookup', 'EACCES']);
    expect(lastLines.at(-1)).toBe("R0 invalid mem access 'map_value_or_null'");
    expect(lastLines.length).toBeGreaterThan(3);
    expect(lastLines.length).toBeLessThanOrEqual(12);
    expect(lastLines.join('\n')).not.toContain('processed ');

    const path = logPath ?? expect.unreachable('no log was written');
    try {
      expect(error.hint).toBe(`The whole log of the verifier is in ${path}`);
      expect(statSync(path).mode & 0o777).toBe(0o600);
      expect(statSync(dirname(path)).mode & 0o777).toBe(0o700);
      const log = readFileSync(path, 'utf8');
      expect(log).toContain("R0 invalid mem access 'map_value_or_null'");
      expect(log).toMatch(/processed \d+ insns/);
      expect(log).not.toContain('\0');
    } finally {
      rmSync(dirname(path), { recursive: true });
    }
  });

  it('takes nothing with it: the others load without it', () => {
    const error = loadWith('unchecked_lookup');
    rmSync(dirname(error.logPath ?? ''), { recursive: true });
    expect(() => object.load()).toThrow('it was loaded before');
    object.close();
    object = binding.open();
    object.load();
    expect(object.program('count_exec').loaded).toBe(true);
  });
});

describe('a program that the kernel refuses', () => {
  it('says that the kernel has no such tracepoint', () => {
    const error = loadWith('no_such_tracepoint');
    expect(error.message).toContain(
      "program 'no_such_tracepoint' (tp_btf/netc_no_such_tracepoint): failed to find kernel BTF type ID of 'netc_no_such_tracepoint'",
    );
    expect(error.message).not.toContain('No such process');
    expect(error.logPath).toBeNull();
  });

  it('says that policy refuses fentry, not that a limit must be raised', (context) => {
    using features = new Features();
    if (features.fentry().answer === 'yes') context.skip('this kernel allows fentry');
    const error = loadWith('at_entry');
    expect(error.message).toMatch(
      /^the kernel refused to load program 'at_entry' \(fentry\/bpf_fentry_test1\): EPERM: /,
    );
    expect(error.message).toContain('although CAP_BPF and CAP_PERFMON are held');
    expect(error.message).not.toContain('ulimit');
  });

  it('says that a map cannot be made', () => {
    object.map('pairs').setMaxEntries(0xffff_ffff);
    expect(() => object.load()).toThrow(
      /^the kernel refused to load the BPF object: map 'pairs': failed to create: /,
    );
  });
});

describe('an attach that is refused', () => {
  it('names the program and the reason', () => {
    object.program('no_such_event').setAutoload(true);
    object.load();
    expect(() => object.program('no_such_event').attach()).toThrow(
      /^attaching program 'no_such_event' \(tp\/netc\/no_such_event\) failed: ENOENT \(No such file or directory\)/,
    );
    expect(() => object.program('allow_send').attachCgroup(0)).toThrow(
      /^attaching program 'allow_send' \(cgroup\/sendmsg4\) failed: EBADF \(Bad file descriptor\)/,
    );
  });
});

describe('messages of libbpf', () => {
  it('go to a logger up to its level, and nowhere without one', () => {
    const seen = new Set<string>();
    onMessage('debug', (level) => seen.add(level));
    try {
      object.load();
      expect(seen).toContain('debug');
      onMessage('info', (level) => seen.add(level));
      object.close();
      object = binding.open();
      seen.clear();
      object.load();
      expect(seen).not.toContain('debug');
    } finally {
      onMessage('warn', null);
    }
    object.close();
    object = binding.open();
    object.load();
    expect(seen.size).toBe(0);
  });
});
