// Needs: Linux >= 5.8 (BPF_ENABLE_STATS), CAP_SYS_ADMIN.
import { closeSync } from 'node:fs';
import { BpfError } from './bpf-error.ts';
import { Handle } from './handle.ts';
import { native } from './native.ts';
import { STATS_RUN_TIME } from './uapi.ts';

/**
 * While one of these is open the kernel counts run time and runs of every BPF program of the machine, which costs each
 * run two clock reads. Ends with the process at the latest.
 */
export class RunStatistics extends Handle {
  readonly #fd: number;

  private constructor(fd: number) {
    super('run statistics');
    this.#fd = fd;
  }

  /** Throws E_BPF. */
  static enable(): RunStatistics {
    const fd = native().enableStats(STATS_RUN_TIME);
    if (fd < 0) throw new BpfError('switching on run statistics', fd);
    return new RunStatistics(fd);
  }

  protected release(): void {
    closeSync(this.#fd);
  }
}
