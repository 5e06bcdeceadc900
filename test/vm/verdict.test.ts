import { describe, expect, it } from 'vitest';
import type { Boot } from '../../tools/vm/boot.ts';
import type { Kernel } from '../../tools/vm/kernels.ts';
import { verdictOf } from '../../tools/vm/verdict.ts';

const UP = 'VM UP 2.5 6.1.0-56-cloud-amd64 x86_64\n';
const OK = 'CHECK ok TCP: bytes at both ends (0.2 s): 13 runs\n';
const x86: Kernel = { name: 'x', architecture: 'amd64', suite: 'x', package: 'x', walk: 'walk_cast' };
const arm: Kernel = { ...x86, architecture: 'arm64' };

function verdict(serial: string, status: number | null, more: Partial<Boot> = {}, kernel = x86): unknown {
  const { kind, reason } = verdictOf(kernel, { serial, status, timedOut: false, tookMs: 1, ...more });
  return { kind, reason };
}

describe('a boot', () => {
  it('passes when the guest and the emulator say so, and something was checked', () => {
    expect(verdict(`${UP}${OK}VM RESULT rc=0 uptime=9`, 1)).toEqual({ kind: 'PASS', reason: '' });
    expect(verdict(`${UP}${OK}VM RESULT rc=0 uptime=9`, 0, {}, arm)).toEqual({ kind: 'PASS', reason: '' });
    expect(verdict(`${UP}VM RESULT rc=0 uptime=9`, 1)).toMatchObject({ kind: 'FAIL' });
  });

  it('fails when a check has, or the kernel complains', () => {
    const failed = `${UP}${OK}CHECK failed UDP: bytes at both ends (0.1 s): 1 is not 2\nVM RESULT rc=1 uptime=9`;
    expect(verdict(failed, 3)).toEqual({ kind: 'FAIL', reason: '1 of 2 checks failed' });
    const warned = `${UP}${OK}[  9.1] WARNING: CPU: 0 PID: 1 at kernel/bpf/verifier.c:1\nVM RESULT rc=0 uptime=9`;
    expect(verdict(warned, 1)).toMatchObject({ kind: 'FAIL' });
  });

  it('shows nothing when it has no end of its own', () => {
    expect(verdict(`${UP}${OK}VM RESULT rc=0 uptime=9`, 0)).toMatchObject({ kind: 'INFRA' }); // as a panic ends
    expect(verdict(`${UP}[  3.0] Kernel panic - not syncing: x`, 0)).toMatchObject({
      kind: 'INFRA',
      reason: 'no result: [  3.0] Kernel panic - not syncing: x',
    });
    expect(verdict(`${UP}${OK}`, null, { timedOut: true })).toEqual({
      kind: 'INFRA',
      reason: 'it did not end in time',
    });
    expect(verdict('', 127)).toEqual({ kind: 'INFRA', reason: 'no result: the emulator ended with 127' });
  });

  it('is read check by check', () => {
    const booted = { serial: `${UP}${OK}VM RESULT rc=0 uptime=9`, status: 1, timedOut: false, tookMs: 1 };
    expect(verdictOf(x86, booted)).toMatchObject({
      release: '6.1.0-56-cloud-amd64',
      checks: [{ name: 'TCP: bytes at both ends', passed: true, detail: '13 runs' }],
    });
  });
});
