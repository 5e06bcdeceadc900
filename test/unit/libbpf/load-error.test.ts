import { readFileSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ProbeLoadError } from '../../../src/libbpf/load-error.ts';
import { loadNative } from '../../../src/libbpf/native.ts';

const sectionOf = (): string => 'tp_btf/x';

function hasLibbpf(): boolean {
  try {
    loadNative('libbpf.so.1');
    return true;
  } catch {
    return false;
  }
}

describe('an error of loading', () => {
  it('takes the verifier at its word, not errno', () => {
    const messages = [
      "prog 'walk': BPF program load failed: Permission denied",
      "prog 'walk': failed to load: -13",
    ];
    const log = '0: (95) exit\nR0 !read_ok\nprocessed 1 insns\n';
    const error = new ProbeLoadError({ error: -13, messages, log, sectionOf });
    expect(error.message).toBe("the kernel refused to load program 'walk' (tp_btf/x): R0 !read_ok (EACCES)");
    expect(error.lastLines).toEqual(['0: (95) exit', 'R0 !read_ok']);
    const path = error.logPath ?? expect.unreachable();
    expect(readFileSync(path, 'utf8')).toBe(log);
    rmSync(dirname(path), { recursive: true });
  });

  it('names the first program that failed, and what libbpf says of it', () => {
    const messages = [
      "prog 'walk': failed to find kernel BTF type ID of 'x': -3",
      "prog 'walk': failed to prepare load attributes: -3",
      "prog 'walk': failed to load: -3",
      "failed to load object 'kube_netc'",
    ];
    const error = new ProbeLoadError({ error: -3, messages, log: '', sectionOf });
    expect(error.program).toBe('walk');
    expect(error.message).toMatch(
      /'walk' \(tp_btf\/x\): failed to find kernel BTF type ID of 'x': -3 \(ESRCH\)$/,
    );
    expect(error.logPath).toBeNull();
  });

  it('blames the object when no program is to blame', (context) => {
    if (!hasLibbpf()) context.skip('needs libbpf.so.1');
    const messages = [
      "map 'flows': failed to create: Cannot allocate memory(-12)",
      "failed to load object 'kube_netc'",
    ];
    const error = new ProbeLoadError({ error: -12, messages, log: '', sectionOf });
    expect(error.program).toBeNull();
    expect(error.message).toBe(
      "the kernel refused to load the BPF object: map 'flows': failed to create: Cannot allocate memory(-12) (ENOMEM)",
    );
    const silent = new ProbeLoadError({ error: -12, messages: [], log: '', sectionOf });
    expect(silent.message).toBe('the kernel refused to load the BPF object: ENOMEM (Cannot allocate memory)');
  });

  it('is not hidden by a directory where no log can be written', () => {
    const before = process.env['TMPDIR'];
    process.env['TMPDIR'] = '/nonexistent/directory';
    try {
      const error = new ProbeLoadError({
        error: -22,
        messages: ["prog 'a': BPF program load failed: x"],
        log: 'bad\n',
        sectionOf,
      });
      expect(error.message).toContain('bad (EINVAL)');
      expect(error.logPath).toBeNull();
      expect(error.hint).toContain('kube-netc doctor');
    } finally {
      if (before === undefined) delete process.env['TMPDIR'];
      else process.env['TMPDIR'] = before;
    }
  });
});
