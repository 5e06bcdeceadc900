import { describe, expect, it } from 'vitest';
import {
  capabilitiesFor,
  explainRefusal,
  missingCapabilities,
  parsePrivileges,
} from '../../../src/libbpf/capabilities.ts';

const INITIAL = '         0          0 4294967295\n';
const status = (capEff: string, seccomp = 0): string =>
  `Name:\tnode\nCapPrm:\t000001ffffffffff\nCapEff:\t${capEff}\nSeccomp:\t${seccomp}\n`;
const NONE = '0000000000000000';
const ALL = '000001ffffffffff';
const BPF_PERFMON = '000000c000000000';
const BPF_ONLY = '0000008000000000';
const SYS_ADMIN = '0000000000200000';

describe('privileges', () => {
  it('are read from the effective set', () => {
    expect([...parsePrivileges(status(BPF_PERFMON), INITIAL).held].sort()).toEqual([
      'CAP_BPF',
      'CAP_PERFMON',
    ]);
    expect([...parsePrivileges(status(SYS_ADMIN), INITIAL).held]).toEqual(['CAP_SYS_ADMIN']);
    expect(parsePrivileges(status(NONE), INITIAL).held.size).toBe(0);
    expect([...parsePrivileges(status('0000000001081000'), INITIAL).held]).toEqual([
      'CAP_NET_ADMIN',
      'CAP_SYS_PTRACE',
      'CAP_SYS_RESOURCE',
    ]);
  });

  it('of another user namespace count for nothing', () => {
    const privileges = parsePrivileges(status(ALL), '         0       1000          1\n');
    expect(privileges.initialUserNamespace).toBe(false);
    expect(missingCapabilities(privileges, ['CAP_BPF'])).toEqual(['CAP_BPF']);
    expect(explainRefusal(privileges, ['CAP_BPF'])).toEqual({
      byPolicy: false,
      reason: 'CAP_BPF must be held outside of this user namespace',
    });
  });

  it('of CAP_SYS_ADMIN stand for the smaller ones', () => {
    const privileges = parsePrivileges(status(SYS_ADMIN), INITIAL);
    expect(missingCapabilities(privileges, ['CAP_BPF', 'CAP_PERFMON', 'CAP_NET_ADMIN'])).toEqual([]);
  });
});

describe('an EPERM', () => {
  it('is explained by what is missing', () => {
    const privileges = parsePrivileges(status(BPF_ONLY), INITIAL);
    expect(explainRefusal(privileges, ['CAP_BPF', 'CAP_PERFMON'])).toEqual({
      byPolicy: false,
      reason: 'CAP_PERFMON not held',
    });
  });

  it("is the kernel's policy when nothing is missing", () => {
    const refusal = explainRefusal(parsePrivileges(status(BPF_PERFMON), INITIAL), ['CAP_BPF', 'CAP_PERFMON']);
    expect(refusal.byPolicy).toBe(true);
    expect(refusal.reason).toMatch(/^the kernel's policy .* although CAP_BPF and CAP_PERFMON are held$/);
  });

  it('may be the seccomp filter, where there is one', () => {
    const { reason } = explainRefusal(parsePrivileges(status(ALL, 2), INITIAL), ['CAP_BPF']);
    expect(reason).toMatch(/^the seccomp filter of this process, or /);
  });
});

describe('capabilities of a program', () => {
  it.each([
    ['tp_btf/inet_sock_set_state', ['CAP_BPF', 'CAP_PERFMON']],
    ['iter/task_file', ['CAP_BPF', 'CAP_PERFMON']],
    ['cgroup/sendmsg4', ['CAP_BPF', 'CAP_NET_ADMIN']],
    ['sockops', ['CAP_BPF', 'CAP_NET_ADMIN']],
    ['cgroup_skb/egress', ['CAP_BPF']],
  ])('for %s are %j', (section, needed) => {
    expect(capabilitiesFor(section)).toEqual(needed);
  });
});
