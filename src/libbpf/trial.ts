import { closeSync } from 'node:fs';
import { native } from './native.ts';
import { PROG_LOAD_OPTS } from './uapi.ts';

/** A program of a few instructions, loaded to see what the kernel says, and forgotten. */
export interface Trial {
  /** BPF_PROG_TYPE_*. */
  readonly type: number;
  /** BPF_* attach type; 0 where the type knows none. */
  readonly attachType?: number;
  /** Type id in the kernel's BTF of what a tracing program hangs on. */
  readonly attachBtfId?: number;
  /** What it returns. Some hooks allow one value only. */
  readonly returns?: number;
  /** Helper to call first, by number (BPF_FUNC_*). */
  readonly helper?: number;
  /** Have an atomic operation that returns what was there before. */
  readonly atomic?: boolean;
  /** Try to attach it too; only for fentry, fexit and tp_btf. It is taken off at once. */
  readonly attach?: boolean;
}

export interface TrialResult {
  /** 0, or -errno of the load or of the attach. */
  readonly error: number;
  /** What the verifier said; empty if it was not asked. */
  readonly log: string;
}

const LOG_BYTES = 16 * 1024;

/** Loads (and attaches) a program that does nothing. Leaves nothing in the kernel. */
export function runTrial(trial: Trial): TrialResult {
  const lib = native();
  const insns = instructions(trial);
  const log = Buffer.alloc(LOG_BYTES);
  const fd = lib.progLoad(trial.type, 'netc_trial', 'GPL', insns, insns.length / 8, loadOptions(trial, log));
  if (fd < 0) return { error: fd, log: log.toString('utf8', 0, Math.max(0, log.indexOf(0))) };
  try {
    if (!trial.attach) return { error: 0, log: '' };
    const link = lib.rawTracepointOpen(null, fd);
    if (link >= 0) closeSync(link);
    return { error: Math.min(link, 0), log: '' };
  } finally {
    closeSync(fd);
  }
}

function loadOptions(trial: Trial, log: Buffer): Buffer {
  const opts = Buffer.alloc(PROG_LOAD_OPTS.size);
  opts.writeBigUInt64LE(BigInt(PROG_LOAD_OPTS.size), 0);
  opts.writeUInt32LE(trial.attachType ?? 0, PROG_LOAD_OPTS.expected_attach_type);
  opts.writeUInt32LE(trial.attachBtfId ?? 0, PROG_LOAD_OPTS.attach_btf_id);
  opts.writeUInt32LE(1, PROG_LOAD_OPTS.log_level);
  opts.writeUInt32LE(log.length, PROG_LOAD_OPTS.log_size);
  opts.writeBigUInt64LE(native().address(log), PROG_LOAD_OPTS.log_buf);
  return opts;
}

/** struct bpf_insn: opcode, immediate, registers (the source in the upper four bits), offset. */
type Instruction = readonly [opcode: number, immediate: number, registers?: number, offset?: number];

/** r1 = 1; *(u64 *)(r10 - 8) = r1; r1 = atomic_fetch_add((u64 *)(r10 - 8), r1) */
const ATOMIC: readonly Instruction[] = [
  [0xb7, 1, 0x01],
  [0x7b, 0, 0x1a, -8],
  [0xdb, 1, 0x1a, -8],
];

/** [atomic operation;] [call helper;] r0 = returns; exit. */
function instructions(trial: Trial): Buffer {
  const call: readonly Instruction[] = trial.helper === undefined ? [] : [[0x85, trial.helper]];
  const end: readonly Instruction[] = [
    [0xb7, trial.returns ?? 0],
    [0x95, 0],
  ];
  const list = [...(trial.atomic ? ATOMIC : []), ...call, ...end];
  const bytes = Buffer.alloc(list.length * 8);
  list.forEach(([opcode, immediate, registers = 0, offset = 0], i) => {
    bytes.writeUInt8(opcode, i * 8);
    bytes.writeUInt8(registers, i * 8 + 1);
    bytes.writeInt16LE(offset, i * 8 + 2);
    bytes.writeInt32LE(immediate, i * 8 + 4);
  });
  return bytes;
}
