import { printable } from '../util/escape.ts';

const LINE_MAX = 200; // characters; register dumps of large programs run to thousands

// Lines that never say what went wrong: totals after the error, precision bookkeeping, libbpf's own frame.
const NOISE =
  /^(processed \d+ insns|verification time|stack depth|mark_precise:|last_idx |regs=|parent (didn't|already) |(libbpf: .*)?-- (BEGIN|END) PROG LOAD LOG --|$)/;
// Source lines, instructions, register states and walk notes: context, but never the reason.
const CONTEXT =
  /^(;|\d+: |R\d+(_\w+)?=|from \d+ to \d+|Func#\d+|Live regs|(caller|callee|frame\d+):|(cur|old) state:|\s)/;

/** The last lines that help, oldest first: the error and up to `max - 1` lines before it. Source: the verifier's log. */
export function lastUsefulLines(log: string, max = 12): string[] {
  const useful = log
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => !NOISE.test(line));
  return useful.slice(-max).map(cut);
}

/** The line that says why, or null: the last one that is neither an instruction nor a state. */
export function verifierReason(log: string): string | null {
  const lines = lastUsefulLines(log, Infinity);
  return lines.findLast((line) => !CONTEXT.test(line)) ?? null;
}

function cut(line: string): string {
  const clean = printable(line.replaceAll('\t', ' '));
  return clean.length > LINE_MAX ? `${clean.slice(0, LINE_MAX - 3)}...` : clean;
}
