// What keeps a command from its work is said in one clear line, and leaves nothing behind.
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { programsOf } from '../../src/libbpf/trial-load.ts';
import { whyNoLab } from '../hosts/why-no-lab.ts';
import { runCommand } from '../support/agent.ts';
import { orphans } from '../support/bpf-objects.ts';
import {
  asNobody,
  whyNotAsNobody,
  withoutBtf,
  withoutCapabilities,
  withoutLibbpf,
  withoutProc,
} from '../support/prefixes.ts';

const why = whyNoLab();
const AGENT = ['agent', '--listen', '127.0.0.1:0'];
const ONE_LINE = /^kube-netc: \P{Cc}+ \((E_\w+)\)\n$/u;

interface Circumstances {
  readonly prefix?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
}

/** Expects the one line of an error and nothing besides, and the exit code that belongs to it. */
async function expectLine(
  code: string,
  says: string,
  args: readonly string[],
  given: Circumstances = {},
): Promise<void> {
  const { stderr, ...ended } = await runCommand(args, given);
  expect(stderr).toMatch(ONE_LINE);
  expect(stderr).toContain(says);
  expect({ ...ended, said: ONE_LINE.exec(stderr)?.[1] }).toEqual({
    code: code === 'E_USAGE' ? 2 : 1,
    stdout: '',
    said: code,
  });
}

/** Expects that the doctor says so in the rows of these names, and that the agent cannot run. */
async function expectDiagnosis(rows: Readonly<Record<string, string>>, given: Circumstances): Promise<void> {
  const { code, stdout, stderr } = await runCommand(['doctor'], given);
  for (const [what, says] of Object.entries(rows)) {
    const row = stdout.split('\n').find((line) => line.startsWith(`${what}  `));
    expect(row).toMatch(new RegExp(`^${what} +(missing|unknown) .*${says}`));
  }
  expect(stdout.trimEnd().split('\n').at(-1)).toBe('The agent cannot run here.');
  expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
}

describe('an agent that cannot start says why in one line:', () => {
  it('the port is taken', async (context) => {
    if (why !== null) context.skip(why);
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const listen = `127.0.0.1:${(other.address() as AddressInfo).port}`;
    const says = `cannot listen on ${listen}: another program holds the port. ss -ltnp shows which one`;
    await expectLine('E_PORT_TAKEN', says, ['agent', '--listen', listen]);
    other.close();
  });

  it('the address is of another machine', async (context) => {
    if (why !== null) context.skip(why);
    const says = 'cannot listen on 192.0.2.1:9655: no interface of this machine has the address';
    await expectLine('E_LISTEN', says, ['agent', '--listen', '192.0.2.1']);
  });

  it('no capability is held', async (context) => {
    if (why !== null) context.skip(why);
    const given = { prefix: withoutCapabilities() };
    const says = 'the kernel refused loading BPF programs: CAP_BPF and CAP_PERFMON not held';
    await expectLine('E_NO_PERMISSION', says, AGENT, given);
    await expectLine('E_NO_PERMISSION', says, ['connections'], given);
    await expectDiagnosis(
      { CAP_BPF: 'not held', probes: 'not tried: they need CAP_BPF, CAP_PERFMON' },
      given,
    );
  });

  it('one of the capabilities is not held', async (context) => {
    const nobody = why ?? whyNotAsNobody();
    if (nobody !== null) context.skip(nobody);
    await expectLine('E_NO_PERMISSION', ': CAP_BPF and CAP_PERFMON not held', AGENT, { prefix: asNobody() });
    await expectLine('E_NO_PERMISSION', ': CAP_PERFMON not held', AGENT, { prefix: asNobody('bpf') });
    await expectDiagnosis({ CAP_PERFMON: 'not held' }, { prefix: asNobody('bpf') });
  });

  it('the kernel has no BTF', async (context) => {
    if (why !== null) context.skip(why);
    const given = { prefix: withoutBtf() };
    const says = 'the kernel carries no type information: cannot read /sys/kernel/btf/vmlinux';
    await expectLine('E_NO_BTF', says, AGENT, given);
    await expectDiagnosis(
      { 'kernel BTF': 'vmlinux is not there', probes: 'not tried: they need kernel BTF' },
      given,
    );
  });

  it('libbpf is not there', async (context) => {
    if (why !== null) context.skip(why);
    const given = { prefix: withoutLibbpf() };
    await expectLine('E_LIBBPF_MISSING', 'Install libbpf 1.1 or newer', AGENT, given);
    await expectDiagnosis({ libbpf: 'cannot load' }, given);
  });

  it('the BPF object is not there', async (context) => {
    if (why !== null) context.skip(why);
    const given = { env: { KUBE_NETC_OBJECT: '/nonexistent' } };
    await expectLine(
      'E_OBJECT_MISSING',
      'no BPF object at /nonexistent. sh tools/build-bpf.sh builds it',
      AGENT,
      given,
    );
    await expectDiagnosis({ 'BPF object': 'no BPF object at /nonexistent' }, given);
  });

  it('the BPF object is none', async (context) => {
    if (why !== null) context.skip(why);
    await expectLine('E_BPF', 'is not a proper ELF object', AGENT, {
      env: { KUBE_NETC_OBJECT: '/etc/passwd' },
    });
  });

  it('/proc is not mounted', async (context) => {
    if (why !== null) context.skip(why);
    const given = { prefix: withoutProc() };
    for (const command of [AGENT, ['connections'], ['doctor']]) {
      await expectLine('E_NO_PROC', 'cannot read /proc/self/mountinfo', command, given);
    }
  });

  it('and leaves nothing behind in any of these cases', async (context) => {
    if (why !== null) context.skip(why);
    expect(await orphans(programsOf('build/kube-netc.bpf.o').map(({ name }) => name))).toEqual([]);
  });
});
