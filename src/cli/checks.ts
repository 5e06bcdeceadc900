import { existsSync, readFileSync, readlinkSync } from 'node:fs';
import { arch, release } from 'node:os';
import { type CgroupScope, type CgroupView, describeCgroupView } from '../cluster/cgroup-view.ts';
import type { Features, Finding } from '../libbpf/features.ts';
import type { UdpMode } from '../libbpf/monitor-plan.ts';
import { libbpfVersion } from '../libbpf/native.ts';
import { asNetcError } from '../util/errors.ts';

/** One thing that the agent needs or can use. */
export interface Check {
  readonly name: string;
  /** ok: there. less: the agent runs, with something missing. missing: the agent cannot run. unknown: could not be told. */
  readonly verdict: 'ok' | 'less' | 'missing' | 'unknown';
  /** What was found. */
  readonly found: string;
  /** How to get it, or what is lost without; empty when ok. */
  readonly advice: string;
}

/** What a finding means: what it is if it is not there, and what to do. */
function check(name: string, finding: Finding, otherwise: 'less' | 'missing', advice: string): Check {
  if (finding.answer === 'yes') return { name, verdict: 'ok', found: finding.reason, advice: '' };
  const verdict = finding.answer === 'no' ? otherwise : 'unknown';
  return { name, verdict, found: finding.reason, advice };
}

function ok(name: string, found: string): Check {
  return { name, verdict: 'ok', found, advice: '' };
}

export function checkKernel(features: Features): Check[] {
  const lockdown = features.lockdown();
  return [
    ok('kernel', `Linux ${release()} on ${arch()}`),
    check(
      'kernel BTF',
      features.kernelBtf(),
      'missing',
      'a kernel built with CONFIG_DEBUG_INFO_BTF=y: those of Debian 12, Ubuntu 22.04 and later are',
    ),
    // lockdown is no obstacle by itself: each probe below says whether it loads
    lockdown.answer === 'cannot tell'
      ? { name: 'lockdown', verdict: 'unknown', found: lockdown.reason, advice: '' }
      : lockdown.answer === 'yes'
        ? {
            name: 'lockdown',
            verdict: 'less',
            found: lockdown.reason,
            advice:
              'confidentiality mode refuses programs that read kernel memory; boot without lockdown=confidentiality',
          }
        : ok('lockdown', lockdown.reason),
    check(
      'memlock',
      features.memlock(),
      'less',
      'raise the limit of locked memory before the agent starts: ulimit -l unlimited',
    ),
  ];
}

/** CAP_SYS_ADMIN stands for CAP_BPF, CAP_PERFMON and, for BPF, CAP_NET_ADMIN (include/linux/capability.h). */
export function checkCapabilities(features: Features): Check[] {
  const held = features.capabilities();
  const has = (name: 'CAP_BPF' | 'CAP_PERFMON' | 'CAP_NET_ADMIN'): boolean =>
    held.has(name) || held.has('CAP_SYS_ADMIN');
  const one = (
    name: 'CAP_BPF' | 'CAP_PERFMON' | 'CAP_NET_ADMIN',
    verdict: 'less' | 'missing',
    advice: string,
  ): Check => (has(name) ? ok(name, 'held') : { name, verdict, found: 'not held', advice });
  return [
    one('CAP_BPF', 'missing', 'run as root or give the capability'),
    one('CAP_PERFMON', 'missing', 'run as root or give the capability'),
    one('CAP_NET_ADMIN', 'less', 'only for the peers of unconnected UDP sockets where fentry cannot be had'),
  ];
}

export function checkLibbpf(): Check {
  const advice =
    'install libbpf 1.1 or newer: libbpf1 on Debian and Ubuntu, libbpf on Fedora, Alpine and Arch';
  try {
    const version = libbpfVersion();
    const [major = 0, minor = 0] = version.replace(/^v/, '').split('.').map(Number);
    if (major > 1 || (major === 1 && minor >= 1)) return ok('libbpf', version);
    return { name: 'libbpf', verdict: 'missing', found: `${version} is too old`, advice };
  } catch (error) {
    return { name: 'libbpf', verdict: 'missing', found: asNetcError(error).message, advice };
  }
}

export function checkHost(view: CgroupView): Check[] {
  return [
    checkCgroups(view),
    checkPidNamespace(),
    existsSync('/proc/self/net/snmp')
      ? ok('SNMP counters', '/proc/self/net/snmp is there')
      : {
          name: 'SNMP counters',
          verdict: 'less',
          found: '/proc/self/net/snmp is not there',
          advice: 'the audit has nothing to compare with',
        },
  ];
}

const CGROUP_ADVICE: Partial<Record<CgroupScope, string>> = {
  none: 'mount -t cgroup2 none /sys/fs/cgroup; without it owners are named by process, and peers of unconnected UDP sockets may stay unknown',
  own: "give the container the node's /sys/fs/cgroup, read-only; without it owners are named by process, and if several nodes share this kernel the sockets of all are counted",
};

function checkCgroups(view: CgroupView): Check {
  const [name, found, advice] = ['cgroup v2', describeCgroupView(view), CGROUP_ADVICE[view.scope]];
  return advice === undefined ? ok(name, found) : { name, verdict: 'less', found, advice };
}

/** The inode of the first pid namespace is fixed: PROC_PID_INIT_INO, include/uapi/linux/nsfs.h. */
function checkPidNamespace(): Check {
  const name = 'pid namespace';
  try {
    if (readlinkSync('/proc/self/ns/pid') === 'pid:[4026531836]') return ok(name, "the host's");
    const advice =
      'with the pid namespace of the host (hostPID) sockets older than the agent and process names are seen too';
    return { name, verdict: 'less', found: 'an own one', advice };
  } catch (error) {
    return { name, verdict: 'unknown', found: asNetcError(error).message, advice: 'mount /proc' };
  }
}

const ESSENTIAL = ['tcp_state'];
const WALKS = ['walk_cast', 'walk_probe'];
const LOSSES: Readonly<Record<string, string>> = {
  tcp_connect: 'processes of short connections stay unknown',
  tcp_destroy: 'a close that an interrupt hides is found by the next snapshot, if its memory is still there',
  boot: 'sockets older than the agent are counted only when they close',
  walk_cast:
    'live sockets are read by probe reads, three times slower (bpf_rdonly_cast is in Linux 6.2 and later)',
  walk_probe: 'only needed where walk_cast is missing',
  udp: 'only needed for UDP, see there',
};

/** A program of ours, tried alone. @param walks whether any walk loads */
export function checkProbe(name: string, section: string, finding: Finding, walks: boolean): Check {
  const essential = ESSENTIAL.includes(name) || (WALKS.includes(name) && !walks);
  const loss = LOSSES[name] ?? LOSSES['udp'] ?? '';
  // the row says which program it is; what stands behind its name and section is the news
  const why = finding.reason.split(` '${name}' (${section}): `).at(-1) ?? '';
  return check(
    `probe ${name}`,
    { ...finding, reason: finding.answer === 'yes' ? section : `${section}: ${why}` },
    essential ? 'missing' : 'less',
    essential ? 'the agent cannot run without it' : loss,
  );
}

export function checkUdp(mode: UdpMode, notes: readonly string[]): Check {
  const note = notes.find((text) => text.startsWith('udp:'))?.slice(5) ?? '';
  if (mode === 'fentry') return ok('UDP', 'counted by fentry');
  const found = mode === 'off' ? 'not counted' : 'counted by tracepoints';
  return { name: 'UDP', verdict: 'less', found, advice: note };
}

/** Room for BPF maps where they are charged to a memory limit. */
export function checkMemory(slots: number): Check {
  const meminfo = readFileSync('/proc/meminfo', 'latin1');
  const free = Number(/MemAvailable:\s+(\d+) kB/.exec(meminfo)?.[1] ?? 0) * 1024;
  const need = 64 * 2 ** 20 + slots * 104;
  const found = `${Math.round(free / 2 ** 20)} MiB free, some ${Math.round(need / 2 ** 20)} MiB needed`;
  return free >= need
    ? ok('memory', found)
    : { name: 'memory', verdict: 'less', found, advice: 'start the agent with a smaller --max-sockets' };
}
