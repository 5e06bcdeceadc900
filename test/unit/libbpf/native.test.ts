import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { errnoText } from '../../../src/libbpf/errno.ts';
import { loadNative, native } from '../../../src/libbpf/native.ts';

function loadError(name: string): unknown {
  try {
    loadNative(name);
    return null;
  } catch (error) {
    return error;
  }
}

describe('loading the native library', () => {
  it('says how to get it when it is not there', () => {
    expect(loadError('libnetc-nowhere.so.1')).toMatchObject({
      code: 'E_LIBBPF_MISSING',
      message: expect.stringMatching(/^cannot load libbpf.so.1: .*No such file or directory$/),
      hint: expect.stringContaining('libbpf1 on Debian'),
    });
  });

  it('refuses a library that is another or too old', () => {
    expect(loadError('libz.so.1')).toMatchObject({
      code: 'E_LIBBPF_MISSING',
      message: expect.stringContaining('too old'),
    });
  });

  it('happens once', (context) => {
    if (loadError('libbpf.so.1') !== null) context.skip('libbpf.so.1 is not installed');
    expect(native()).toBe(native());
    expect(native().version()).toMatch(/^v1\./);
    expect(errnoText(-1)).toBe('EPERM (Operation not permitted)');
    expect(errnoText(4001)).toMatch(/^LIBBPF_FORMAT \(.+\)$/);
  });
});

describe('native memory', () => {
  it('is not reached by a read of a file that is not open', (context) => {
    if (!existsSync('/proc/self/fd') || loadError('libbpf.so.1') !== null) context.skip('needs libbpf.so.1');
    const lib = native();
    expect(lib.read(-1, new Uint8Array(8), 8)).toBe(-1);
    expect(lib.errno()).toBe(9);
  });
});
