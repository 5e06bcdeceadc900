import { BpfError } from './bpf-error.ts';
import { native } from './native.ts';
import { PROG_INFO } from './uapi.ts';

/** Counted since the program was loaded; time and runs only while the kernel keeps run statistics. */
export interface RunStats {
  /** Nanoseconds spent in the program, all CPUs together; exact below 2^53 (104 days). */
  readonly runTimeNs: number;
  readonly runCount: number;
  /** Runs left out because the program was running on that CPU already; counted always. Needs: Linux >= 5.12, else 0. */
  readonly recursionMisses: number;
}

export interface ProgramInfo {
  readonly id: number;
  /** BPF_PROG_TYPE_*. */
  readonly type: number;
  /** At most 15 characters: the kernel cuts it. */
  readonly name: string;
  /** Of what BTF, and which type there, it is made for (tp_btf, fentry, iter); 0 for none. Needs: Linux >= 5.18 to be told. */
  readonly attachBtfObjectId: number;
  readonly attachBtfId: number;
  readonly stats: RunStats;
}

/** Asks the kernel about a program. Throws E_BPF. */
export function programInfo(fd: number): ProgramInfo {
  const info = objectInfo(fd, PROG_INFO.size, 'a program');
  const end = info.indexOf(0, PROG_INFO.name);
  return {
    id: info.readUInt32LE(PROG_INFO.id),
    type: info.readUInt32LE(PROG_INFO.type),
    name: info.toString('latin1', PROG_INFO.name, Math.min(end, PROG_INFO.name + 16)),
    attachBtfObjectId: info.readUInt32LE(PROG_INFO.attach_btf_obj_id),
    attachBtfId: info.readUInt32LE(PROG_INFO.attach_btf_id),
    stats: {
      runTimeNs: readU64(info, PROG_INFO.run_time_ns),
      runCount: readU64(info, PROG_INFO.run_cnt),
      recursionMisses: readU64(info, PROG_INFO.recursion_misses),
    },
  };
}

/** BPF_OBJ_GET_INFO_BY_FD. `info` may bring pointers for the kernel to fill. Fields that the kernel lacks stay zero. */
export function objectInfo(fd: number, size: number, what: string, info = Buffer.alloc(size)): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(size);
  const result = native().infoByFd(fd, info, length);
  if (result < 0) throw new BpfError(`asking the kernel about ${what}`, result);
  return info;
}

/** A u64 as a double: exact below 2^53. */
function readU64(bytes: Buffer, offset: number): number {
  return bytes.readUInt32LE(offset) + bytes.readUInt32LE(offset + 4) * 2 ** 32;
}
