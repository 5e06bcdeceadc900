import { readFileSync } from 'node:fs';

/** Bit of each capability that has to do with us. Source: linux/capability.h. */
const BITS = {
  CAP_NET_ADMIN: 12,
  CAP_SYS_PTRACE: 19,
  CAP_SYS_ADMIN: 21,
  CAP_SYS_RESOURCE: 24,
  CAP_PERFMON: 38,
  CAP_BPF: 39,
} as const;
export type Capability = keyof typeof BITS;
export const CAPABILITIES = Object.keys(BITS) as readonly Capability[];

/** What this process may do, as far as BPF asks. */
export interface Privileges {
  /** Effective capabilities; of the initial user namespace only if `initialUserNamespace`. */
  readonly held: ReadonlySet<Capability>;
  /** Capabilities of another user namespace count for nothing in bpf(2). */
  readonly initialUserNamespace: boolean;
  /** A seccomp filter is on; container runtimes refuse bpf(2) by it. */
  readonly seccompFilter: boolean;
}

/** Reads /proc/self. Throws where /proc is not mounted. */
export function readPrivileges(): Privileges {
  return parsePrivileges(
    readFileSync('/proc/self/status', 'utf8'),
    readFileSync('/proc/self/uid_map', 'utf8'),
  );
}

/** @param status text of /proc/self/status; @param uidMap text of /proc/self/uid_map */
export function parsePrivileges(status: string, uidMap: string): Privileges {
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? '0'}`);
  return {
    held: new Set(CAPABILITIES.filter((name) => (effective >> BigInt(BITS[name])) & 1n)),
    initialUserNamespace: /^\s*0\s+0\s+4294967295\s*$/.test(uidMap),
    seccompFilter: /^Seccomp:\s*2/m.test(status),
  };
}

/** What bpf(2) asks for a program of this ELF section: the kernel's is_net_admin_prog_type and is_perfmon_prog_type. */
export function capabilitiesFor(section: string): readonly Capability[] {
  if (section.startsWith('cgroup_skb/')) return ['CAP_BPF'];
  if (/^(cgroup\/|sockops|tc|xdp)/.test(section)) return ['CAP_BPF', 'CAP_NET_ADMIN'];
  return ['CAP_BPF', 'CAP_PERFMON'];
}

/** Those of `needed` that are not held. CAP_SYS_ADMIN stands for each of them in bpf(2). */
export function missingCapabilities(privileges: Privileges, needed: readonly Capability[]): Capability[] {
  if (!privileges.initialUserNamespace) return [...needed];
  if (privileges.held.has('CAP_SYS_ADMIN')) return [];
  return needed.filter((name) => !privileges.held.has(name));
}

export interface Refusal {
  /** Nothing that this process lacks explains the EPERM. */
  readonly byPolicy: boolean;
  readonly reason: string;
}

/** Why bpf(2) said EPERM: we lack a capability, or the kernel's policy refuses it to everybody. */
export function explainRefusal(privileges: Privileges, needed: readonly Capability[]): Refusal {
  const missing = missingCapabilities(privileges, needed);
  if (!privileges.initialUserNamespace) {
    return { byPolicy: false, reason: `${needed.join(' and ')} must be held outside of this user namespace` };
  }
  if (missing.length > 0) return { byPolicy: false, reason: `${missing.join(' and ')} not held` };
  const who = privileges.seccompFilter
    ? "the seccomp filter of this process, or the kernel's policy (lockdown, a security module),"
    : "the kernel's policy (lockdown, a security module or a hardened build)";
  return { byPolicy: true, reason: `${who} refuses it although ${needed.join(' and ')} are held` };
}
