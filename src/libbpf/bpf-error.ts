import { NetcError } from '../util/errors.ts';
import { errnoName, errnoText } from './errno.ts';

/** A call that the kernel or libbpf refused. `errno` has its name ("E2BIG"), for callers who act on it. */
export class BpfError extends NetcError<'E_BPF'> {
  readonly errno: string;

  /** @param error errno or -errno; @param details lines of libbpf that say more, if any */
  constructor(operation: string, error: number, details: readonly string[] = [], hint?: string) {
    super(
      'E_BPF',
      { operation, reason: [errnoText(error), ...details].join('; ') },
      hint === undefined ? {} : { hint },
    );
    this.errno = errnoName(error);
  }
}

/** An error in the use of this folder: a step out of order, a buffer of the wrong size. */
export function misuse(operation: string, reason: string): NetcError {
  return new NetcError(
    'E_BPF',
    { operation, reason },
    { hint: 'This is a fault of kube-netc: please report it.' },
  );
}
