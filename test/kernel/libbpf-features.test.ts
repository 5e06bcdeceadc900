import { execFileSync, spawnSync } from 'node:child_process';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Finding } from '../../src/libbpf/finding.ts';
import type { Capability } from '../../src/libbpf/capabilities.ts';
import { Features } from '../../src/libbpf/features.ts';
import { BpfObject } from '../../src/libbpf/object.ts';
import { RunStatistics } from '../../src/libbpf/run-statistics.ts';
import { compileFixture, whyNoBpf } from '../fixtures/bpf/fixture.ts';
import { heldBy, orphans } from '../support/bpf-objects.ts';

const skipReason = whyNoBpf();
beforeEach((context) => {
  if (skipReason !== null) context.skip(skipReason);
});

describe('features of this kernel', () => {
  it('finds what every kernel that we run on has', () => {
    using features = new Features();
    const found: Record<string, Finding> = {
      btf: features.kernelBtf(),
      setState: features.tracepoint('inet_sock_set_state'),
      walk: features.iterator('bpf_map_elem'),
      files: features.iterator('task_file'),
      tp: features.hook('tp'),
      rawTp: features.hook('raw_tp'),
      tc: features.hook('tc'),
      send4: features.hook('cgroup/sendmsg4'),
      send6: features.hook('cgroup/sendmsg6'),
      receive4: features.hook('cgroup/recvmsg4'),
      receive6: features.hook('cgroup/recvmsg6'),
      sockops: features.hook('sockops'),
      udp: features.kernelFunction('udp_sendmsg'),
      memlock: features.memlock(),
    };
    for (const [name, finding] of Object.entries(found))
      expect(finding, name).toMatchObject({ answer: 'yes' });
  });

  it('says no, with what is missing', () => {
    using features = new Features();
    expect(features.tracepoint('netc_nothing')).toEqual({
      answer: 'no',
      reason: 'this kernel has no tp_btf/netc_nothing: btf_trace_netc_nothing is not in its BTF',
    });
    expect(features.iterator('netc_nothing').answer).toBe('no');
    expect(features.fentry('netc_nothing').answer).toBe('no');
    expect(features.kernelFunction('netc_nothing')).toMatchObject({ answer: 'no' });
    expect(features.kernelFunction('netc_nothing', 'netc_module')).toMatchObject({ answer: 'cannot tell' });
  });

  it('judges fentry by a trial that attaches, and blames policy when root is refused', () => {
    using features = new Features();
    const { answer, reason } = features.fentry();
    expect(answer).not.toBe('cannot tell');
    if (answer === 'no') expect(reason).toMatch(/EPERM: .* although CAP_BPF and CAP_PERFMON are held$/);
    expect(features.fexit().answer).toBe(answer);
  });

  it('keeps a conclusive answer, and asks again what it could not tell', (context) => {
    const held = new Set<Capability>();
    using features = new Features({ held, initialUserNamespace: true, seccompFilter: false });
    expect(features.hook('tc')).toBe(features.hook('tc'));
    const first = features.fentry();
    context.skip(first.answer === 'yes', 'this kernel allows fentry: nothing is refused');
    expect(first.answer).toBe('cannot tell');
    held.add('CAP_BPF').add('CAP_PERFMON');
    expect(features.fentry().answer).toBe('no');
  });

  it('leaves no program behind', async () => {
    using features = new Features();
    features.hook('tc');
    features.tracepoint('inet_sock_set_state');
    expect((await heldBy(process.pid)).programs.map(({ name }) => name)).not.toContain('netc_trial');
    expect(await orphans(['netc_trial'])).toEqual([]);
  });

  it('cannot be asked after close', () => {
    const features = new Features();
    features.close();
    expect(() => features.kernelBtf()).toThrow('use of features failed: it is closed');
  });
});

describe('features without privileges', () => {
  it('cannot tell, and names the capability', (context) => {
    if (spawnSync('setpriv', ['--version']).status !== 0) context.skip('needs setpriv (util-linux)');
    const found = askWithout(['-bpf', '-perfmon', '-sys_admin']);
    expect(found['fentry']).toMatchObject({
      answer: 'cannot tell',
      reason: expect.stringContaining('CAP_BPF and CAP_PERFMON not held'),
    });
    expect(found['tracepoint']).toMatchObject({ answer: 'cannot tell' });
    expect(found['hook']).toMatchObject({
      answer: 'cannot tell',
      reason: expect.stringContaining('CAP_BPF not held'),
    });
    expect(found['kernelBtf']).toMatchObject({ answer: 'yes' });
    const perfmon = askWithout(['-perfmon', '-sys_admin']);
    expect(perfmon['tracepoint']).toMatchObject({
      answer: 'cannot tell',
      reason: expect.stringMatching(/: CAP_PERFMON not held$/),
    });
    expect(perfmon['hook']).toMatchObject({ answer: 'yes' });
    const enough = askWithout(['-sys_admin']);
    expect(enough['tracepoint']).toMatchObject({ answer: 'yes' });
  });
});

/** Asks in a process whose root lost some capabilities. */
function askWithout(capabilities: string[]): Record<string, Finding> {
  const features = join(import.meta.dirname, '../../src/libbpf/features.ts');
  const script = `
    const { Features } = await import(${JSON.stringify(features)});
    const f = new Features();
    const found = { fentry: f.fentry(), tracepoint: f.tracepoint('inet_sock_set_state'), hook: f.hook('cgroup/sendmsg4'), kernelBtf: f.kernelBtf() };
    console.log(JSON.stringify(found));`;
  const node = [process.execPath, '--input-type=module', '-e', script];
  const output = execFileSync('setpriv', [`--bounding-set=${capabilities.join(',')}`, ...node], {
    encoding: 'utf8',
  });
  return JSON.parse(output) as Record<string, Finding>;
}

describe('run statistics', () => {
  it('count the runs of a program while they are on', () => {
    const startedMs = performance.now();
    using object = BpfObject.open(compileFixture('binding'), { name: 'kube_netc' });
    object.load();
    object.program('count_exec').attach();
    const program = object.program('count_exec');
    {
      using _on = RunStatistics.enable();
      for (let i = 0; i < 3; i++) execFileSync('/bin/true');
      expect(program.stats().runCount).toBeGreaterThanOrEqual(3);
    }
    const { runTimeNs, runCount } = program.stats();
    expect(runTimeNs).toBeGreaterThan(50 * runCount);
    // so it is nanoseconds; a run may last long where its CPU is taken from it
    expect(runTimeNs).toBeLessThan((performance.now() - startedMs) * 1e6 * cpus().length);
  });
});
