import { describe, expect, it } from 'vitest';
import { parseLockdown, parseMemlock } from '../../../src/libbpf/kernel-limits.ts';

describe('lockdown', () => {
  it.each([
    ['[none] integrity confidentiality\n', 'no', 'lockdown is off'],
    ['none [integrity] confidentiality\n', 'yes', 'lockdown is in integrity mode'],
    ['none integrity [confidentiality]\n', 'yes', 'lockdown is in confidentiality mode'],
    ['', 'cannot tell', '/sys/kernel/security/lockdown names no mode'],
  ])('of %j is %s', (text, answer, reason) => {
    expect(parseLockdown(text)).toEqual({ answer, reason });
  });
});

describe('the limit of locked memory', () => {
  const limits = (soft: string): string =>
    `Limit                     Soft Limit           Hard Limit           Units     \nMax locked memory         ${soft}              8388608              bytes     \n`;

  it('is no obstacle when it is off', () => {
    expect(parseMemlock(limits('unlimited')).answer).toBe('yes');
  });

  it('is one when it is a number, and says how to raise it', () => {
    expect(parseMemlock(limits('65536'))).toEqual({
      answer: 'no',
      reason:
        'the limit of locked memory is 65536 bytes: raise it (ulimit -l unlimited, LimitMEMLOCK=infinity)',
    });
  });

  it('is unknown when it is not shown', () => {
    expect(parseMemlock('').answer).toBe('cannot tell');
  });
});
