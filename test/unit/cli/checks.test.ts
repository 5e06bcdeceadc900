import { existsSync, readlinkSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  type Check,
  checkCapabilities,
  checkHost,
  checkKernel,
  checkLibbpf,
  checkMemory,
  checkProbe,
  checkUdp,
} from '../../../src/cli/checks.ts';
import type { CgroupView } from '../../../src/cluster/cgroup-view.ts';
import type { Features, Finding } from '../../../src/libbpf/features.ts';
import { cannotTell, no, yes } from '../../../src/libbpf/finding.ts';

/** A kernel that answers as it is told. */
function features(of: {
  btf?: Finding;
  lockdown?: Finding;
  memlock?: Finding;
  capabilities?: readonly string[];
}): Features {
  const answers = {
    kernelBtf: () => of.btf ?? yes('it is there'),
    lockdown: () => of.lockdown ?? no('none'),
    memlock: () => of.memlock ?? yes('no limit'),
    capabilities: () => new Set(of.capabilities ?? []),
  };
  return answers as unknown as Features;
}

function verdicts(checks: readonly Check[]): Record<string, Check['verdict']> {
  return Object.fromEntries(checks.map(({ name, verdict }) => [name, verdict]));
}

/** What is wrong has an advice, what is right needs none. */
function expectAdvice(checks: readonly Check[]): void {
  for (const { name, verdict, advice, found } of checks) {
    expect([name, found !== '']).toEqual([name, true]);
    if (verdict === 'ok') expect([name, advice]).toEqual([name, '']);
    if (verdict === 'less' || verdict === 'missing') expect([name, advice !== '']).toEqual([name, true]);
  }
}

describe('of the kernel', () => {
  test.each<[Parameters<typeof features>[0], string, Check['verdict']]>([
    [{}, 'kernel BTF', 'ok'],
    [{ btf: no('no file') }, 'kernel BTF', 'missing'],
    [{ btf: cannotTell('no /sys') }, 'kernel BTF', 'unknown'],
    [{}, 'lockdown', 'ok'],
    [{ lockdown: yes('confidentiality') }, 'lockdown', 'less'],
    [{ lockdown: cannotTell('no securityfs') }, 'lockdown', 'unknown'],
    [{}, 'memlock', 'ok'],
    [{ memlock: no('64 KiB') }, 'memlock', 'less'],
    [{ memlock: cannotTell('?') }, 'memlock', 'unknown'],
  ])('%o: %s is %s', (kernel, name, verdict) => {
    const checks = checkKernel(features(kernel));
    expect(verdicts(checks)).toMatchObject({ kernel: 'ok', [name]: verdict });
    expectAdvice(checks);
  });
});

describe('of capabilities', () => {
  test.each<[string[], string[]]>([
    [
      ['CAP_BPF', 'CAP_PERFMON', 'CAP_NET_ADMIN'],
      ['ok', 'ok', 'ok'],
    ],
    [
      ['CAP_BPF', 'CAP_PERFMON'],
      ['ok', 'ok', 'less'],
    ],
    [['CAP_NET_ADMIN'], ['missing', 'missing', 'ok']],
    [['CAP_SYS_ADMIN'], ['ok', 'ok', 'ok']],
    [[], ['missing', 'missing', 'less']],
  ])('%o: %o', (capabilities, verdict) => {
    const checks = checkCapabilities(features({ capabilities }));
    expect(checks.map((check) => check.verdict)).toEqual(verdict);
    expectAdvice(checks);
  });
});

describe('of a probe', () => {
  const refused = no('no such tracepoint');

  test.each<[string, Finding, boolean, Check['verdict']]>([
    ['tcp_state', yes(''), true, 'ok'],
    ['tcp_state', refused, true, 'missing'],
    ['tcp_state', cannotTell('EPERM'), true, 'unknown'],
    ['walk_cast', refused, true, 'less'],
    ['walk_cast', refused, false, 'missing'],
    ['walk_probe', refused, false, 'missing'],
    ['tcp_connect', refused, true, 'less'],
    ['boot', refused, true, 'less'],
    ['udp_send', refused, true, 'less'],
  ])('%s, %o, another walk: %s: %s', (name, finding, walks, verdict) => {
    const check = checkProbe(name, 'tp_btf/x', finding, walks);
    expect([check.name, check.verdict]).toEqual([`probe ${name}`, verdict]);
    expect(check.found).toContain('tp_btf/x');
    if (finding.answer !== 'yes') expect(check.found).toContain(finding.reason);
    expectAdvice([check]);
  });

  test('the reason stands alone, without what the row says already', () => {
    const reason = "libbpf could not load program 'tcp_state' (tp_btf/x): R1 invalid mem access";
    expect(checkProbe('tcp_state', 'tp_btf/x', no(reason), true).found).toBe(
      'tp_btf/x: R1 invalid mem access',
    );
  });
});

test('of UDP', () => {
  const notes = ['walk: slow', 'udp: no fentry here'];
  expect(checkUdp('fentry', [])).toMatchObject({ verdict: 'ok', advice: '' });
  expect(checkUdp('tracepoint', notes)).toMatchObject({
    verdict: 'less',
    found: 'counted by tracepoints',
    advice: 'no fentry here',
  });
  expect(checkUdp('off', notes)).toMatchObject({ verdict: 'less', found: 'not counted' });
});

const VIEW: CgroupView = { scope: 'whole', layout: 'v2', mount: '/sys/fs/cgroup', nodeRootId: 0n };

describe('of this machine', () => {
  test('cgroup v2 is there or is not, and the pid namespace is what the kernel says', () => {
    const [there, pidNamespace, snmp] = checkHost(VIEW);
    expect(there).toMatchObject({ verdict: 'ok', found: 'mounted on /sys/fs/cgroup' });
    const own = readlinkSync('/proc/self/ns/pid') === 'pid:[4026531836]';
    expect(pidNamespace?.verdict).toBe(own ? 'ok' : 'less');
    expect(snmp?.verdict).toBe(existsSync('/proc/self/net/snmp') ? 'ok' : 'less');
  });

  test.each([
    ['none', 'less', 'not mounted'],
    ['own', 'less', "/sys/fs/cgroup shows no more than this container's own cgroup"],
    ['whole', 'ok', 'mounted on /sys/fs/cgroup'],
    ['node', 'ok', "this node's part of the tree is at /sys/fs/cgroup: sockets outside of it are left out"],
  ] as const)('of the cgroup v2 tree is seen: %s', (scope, verdict, found) => {
    const [cgroups] = checkHost({ ...VIEW, scope });
    expect(cgroups).toMatchObject({ name: 'cgroup v2', verdict, found });
    expectAdvice(checkHost({ ...VIEW, scope }));
  });

  test('memory is enough for few sockets and not for more than there can be', () => {
    expect(checkMemory(2 ** 45)).toMatchObject({ verdict: 'less' });
    expect(checkMemory(-(2 ** 30))).toMatchObject({ verdict: 'ok' });
    expectAdvice([checkMemory(2 ** 45), checkMemory(64)]);
  });

  test('libbpf is found, or is said to be missing with how to get it', () => {
    const check = checkLibbpf();
    expect(check.verdict).toBeOneOf(['ok', 'missing']);
    expectAdvice([check]);
  });
});
