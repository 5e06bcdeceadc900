import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Logger } from 'pino';
import { Features } from '../libbpf/features.ts';
import { Monitor } from '../libbpf/monitor.ts';
import { planMonitor, type UdpChoice } from '../libbpf/monitor-plan.ts';
import { ProbeLoadError } from '../libbpf/load-error.ts';
import { NetcError } from '../util/errors.ts';

/** The built object, beside the sources and in the image alike. KUBE_NETC_OBJECT names another. */
export const OBJECT_PATH: string =
  process.env['KUBE_NETC_OBJECT'] ?? fileURLToPath(new URL('../../build/kube-netc.bpf.o', import.meta.url));

export interface StartOptions {
  readonly udp: UdpChoice;
  readonly slots: number;
  readonly books: number;
  readonly trackProcess: boolean;
  readonly cgroupRoot: string | null;
  readonly nodeRootId: bigint;
}

/**
 * Loads and attaches our programs, finds the sockets that are older, and says in the log what could not be had.
 * Throws E_NO_BTF, E_NO_PERMISSION, E_KERNEL_TOO_OLD, E_PROBE_LOAD, E_OBJECT_MISSING, E_LIBBPF_MISSING.
 */
export function startMonitor(options: StartOptions, log: Logger): Monitor {
  const features = new Features();
  try {
    requireEssentials(features);
    const plan = planMonitor(features, options.udp);
    const monitor = Monitor.start(plan, { object: OBJECT_PATH, ...options });
    for (const note of plan.notes) log.warn(note);
    for (const probe of monitor.probes())
      if (!probe.attached) log.warn(`probe ${probe.name} is off: ${probe.reason}`);
    const older = monitor.findOlder();
    log.info(`${older.found} sockets are older than the agent`);
    if (older.undecided > 0)
      log.warn(
        `of ${older.undecided} older sockets nobody could tell who opened them: they are counted when they close`,
      );
    return monitor;
  } catch (error) {
    if (error instanceof ProbeLoadError) for (const line of error.lastLines) log.error(line);
    throw error;
  } finally {
    features.close();
  }
}

/** What no agent can do without, asked before anything is loaded, so that the answer is one clear line. */
function requireEssentials(features: Features): void {
  const path = '/sys/kernel/btf/vmlinux';
  if (!existsSync(path)) throw new NetcError('E_NO_BTF', { path });
  const missing = (['CAP_BPF', 'CAP_PERFMON'] as const).filter((name) => !holds(features, name));
  if (missing.length > 0) {
    throw new NetcError('E_NO_PERMISSION', {
      operation: 'loading BPF programs',
      reason: `${missing.join(' and ')} not held`,
    });
  }
  const tracepoint = features.tracepoint('inet_sock_set_state');
  if (tracepoint.answer === 'no') throw new NetcError('E_KERNEL_TOO_OLD', { feature: tracepoint.reason });
  if (features.atomics().answer === 'no') {
    const feature = 'BPF operations that are atomic and return a value (Linux 5.12 has them)';
    throw new NetcError('E_KERNEL_TOO_OLD', { feature });
  }
}

/** CAP_SYS_ADMIN stands for both (include/linux/capability.h: bpf_capable, perfmon_capable). */
function holds(features: Features, name: 'CAP_BPF' | 'CAP_PERFMON'): boolean {
  const held = features.capabilities();
  return held.has(name) || held.has('CAP_SYS_ADMIN');
}
