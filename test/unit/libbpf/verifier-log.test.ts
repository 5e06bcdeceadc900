import { describe, expect, it } from 'vitest';
import { lastUsefulLines, verifierReason } from '../../../src/libbpf/verifier-log.ts';

// From Linux 6.18, shortened in the middle.
const NULL_POINTER = `0: R1=ctx() R10=fp0
; int unchecked_lookup(void *ctx) @ binding.bpf.c:127
0: (b7) r1 = 1                        ; R1_w=1
6: (85) call bpf_map_lookup_elem#1    ; R0_w=map_value_or_null(id=1,map=pairs,ks=8,vs=16)
; return pair->left; @ binding.bpf.c:132
7: (79) r0 = *(u64 *)(r0 +0)
R0 invalid mem access 'map_value_or_null'
verification time 83 usec
stack depth 8
processed 7 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
`;

const LOOP = `from 5 to 2: R0_w=scalar() R10=fp0
2: (05) goto pc-1
infinite loop detected at insn 2
cur state: R0_w=0 R10=fp0
old state: R0_w=0 R10=fp0
processed 9 insns (limit 1000000) max_states_per_insn 0 total_states 1 peak_states 1 mark_read 0
`;

const RELOCATION = `0: R1=ctx() R10=fp0
2: <invalid CO-RE relocation>
failed to resolve CO-RE relocation <byte_off> [14] struct sock.no_such_field (0:1 @ offset 8)
processed 2 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
`;

describe('the reason of a refusal', () => {
  it.each([
    ["R0 invalid mem access 'map_value_or_null'", NULL_POINTER],
    ['infinite loop detected at insn 2', LOOP],
    [
      'failed to resolve CO-RE relocation <byte_off> [14] struct sock.no_such_field (0:1 @ offset 8)',
      RELOCATION,
    ],
    [
      'BPF program is too large. Processed 1000001 insn',
      'BPF program is too large. Processed 1000001 insn\nprocessed 1000001 insns (limit 1000000)\n',
    ],
    [
      'R1 type=scalar expected=fp, pkt',
      '7: (85) call x#2\nmark_precise: frame0: last_idx 7 first_idx 0\nregs=2 stack=0 before 6: (b7) r1 = 1\nR1 type=scalar expected=fp, pkt\n',
    ],
  ])('is %s', (reason, log) => {
    expect(verifierReason(log)).toBe(reason);
  });

  it('is unknown when the log says nothing', () => {
    expect(verifierReason('')).toBeNull();
    expect(verifierReason('processed 0 insns\n\n')).toBeNull();
    expect(verifierReason('0: (95) exit\n')).toBeNull();
  });
});

describe('the last useful lines', () => {
  it('end with the reason and leave the totals out', () => {
    expect(lastUsefulLines(NULL_POINTER, 3)).toEqual([
      '; return pair->left; @ binding.bpf.c:132',
      '7: (79) r0 = *(u64 *)(r0 +0)',
      "R0 invalid mem access 'map_value_or_null'",
    ]);
  });

  it('leave out the frame that libbpf puts around a log', () => {
    const framed = `libbpf: prog 'x': -- BEGIN PROG LOAD LOG --\n${NULL_POINTER}-- END PROG LOAD LOG --\n`;
    expect(lastUsefulLines(framed)).toEqual(lastUsefulLines(NULL_POINTER));
  });

  it('are at most twelve, each of a length that a terminal bears, and harmless', () => {
    const lines = lastUsefulLines(
      Array.from({ length: 100 }, (_, n) => `${n}: ${'x'.repeat(3000)}`).join('\n'),
    );
    expect(lines).toHaveLength(12);
    expect(lines.at(-1)).toHaveLength(200);
    expect(lines.at(-1)).toMatch(/^99: x+\.\.\.$/);
    expect(lastUsefulLines('a\x1b[2Jb\tc')).toEqual(['a\\x1b[2Jb c']);
  });
});
