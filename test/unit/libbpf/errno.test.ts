import { describe, expect, it } from 'vitest';
import { errnoName } from '../../../src/libbpf/errno.ts';

describe('the name of an error number', () => {
  it.each([
    [1, 'EPERM'],
    [-1, 'EPERM'],
    [11, 'EAGAIN'],
    [28, 'ENOSPC'],
    [524, 'ENOTSUPP'],
    [4001, 'LIBBPF_FORMAT'],
    [-4007, 'LIBBPF_VERIFY'],
    [4999, 'errno 4999'],
    [0, 'errno 0'],
  ])('%i is %s', (error, name) => {
    expect(errnoName(error)).toBe(name);
  });
});
