import { constants } from 'node:os';
import { native } from './native.ts';

// libbpf's own error numbers (libbpf_legacy.h: enum libbpf_errno begins at 4000).
const LIBBPF_ERRORS = [
  'LIBELF', 'FORMAT', 'KVERSION', 'ENDIAN', 'INTERNAL', 'RELOC', 'LOAD', 'VERIFY', 'PROG2BIG', 'KVER', 'PROGTYPE',
  'WRNGPID', 'INVSEQ', 'NLPARSE',
]; // prettier-ignore
const LIBBPF_ERRNO_START = 4000;
const ENOTSUPP = 524; // of the kernel alone, but bpf(2) returns it

const NAMES = new Map<number, string>([[ENOTSUPP, 'ENOTSUPP']]);
for (const [name, value] of Object.entries(constants.errno)) if (!NAMES.has(value)) NAMES.set(value, name);
NAMES.set(constants.errno.EAGAIN, 'EAGAIN'); // EWOULDBLOCK is the same number

/** "EPERM" for 1, "LIBBPF_FORMAT" for 4001. Takes errno or -errno. */
export function errnoName(error: number): string {
  const positive = Math.abs(error);
  const own = LIBBPF_ERRORS[positive - LIBBPF_ERRNO_START];
  return own ? `LIBBPF_${own}` : (NAMES.get(positive) ?? `errno ${positive}`);
}

/** "EPERM (Operation not permitted)". Takes errno or -errno. */
export function errnoText(error: number): string {
  const buffer = Buffer.alloc(128);
  native().strerror(Math.abs(error), buffer, buffer.length);
  const end = buffer.indexOf(0);
  return `${errnoName(error)} (${buffer.toString('latin1', 0, end < 0 ? buffer.length : end)})`;
}
