import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { UdpChoice } from '../libbpf/monitor-plan.ts';
import { FlowTable } from '../tracker/flow-table.ts';
import { LiveTable } from '../tracker/live-table.ts';
import { inSlices } from '../util/slices.ts';
import { DEFAULTS, defaultSlots } from './agent-options.ts';
import { auditExitCode, formatAuditTable } from './audit-table.ts';
import { Auditor } from './auditor.ts';
import { openHost } from './host.ts';
import { Sampler } from './sampler.ts';
import { startMonitor } from './start-monitor.ts';

const SNAPSHOT_EVERY_MS = 1_000;

export interface AuditOptions {
  readonly durationMs: number;
  readonly udp: UdpChoice;
  readonly cgroupRoot: string | undefined;
}

/** Watches for a while and prints the comparison. Needs no agent; leaves nothing behind. @returns the exit code */
export async function runAudit(options: AuditOptions, log: Logger): Promise<number> {
  const { cgroupRoot, nodeRootId } = openHost(options.cgroupRoot);
  const sizes = { slots: defaultSlots(), books: DEFAULTS.books };
  const monitor = startMonitor(
    { udp: options.udp, trackProcess: true, cgroupRoot, nodeRootId, ...sizes },
    log,
  );
  try {
    const flows = new FlowTable(monitor.books.memory);
    const live = new LiveTable(monitor.slots);
    const auditor = new Auditor(monitor, flows, live);
    const sampler = new Sampler(monitor, flows, live, DEFAULTS.seriesTtlMs * 1e6, {
      before: () => auditor.begin(),
      retiring: (row) => auditor.forget(row),
      after: () => inSlices(auditor.end()),
    });
    await sampler.snapshot(); // the baseline
    if (process.stderr.isTTY) process.stderr.write(`watching for ${options.durationMs / 1000} s\n`);
    for (let left = options.durationMs; left > 0; left -= SNAPSHOT_EVERY_MS) {
      await sleep(Math.min(left, SNAPSHOT_EVERY_MS));
      await sampler.snapshot();
    }
    const report = auditor.report();
    process.stdout.write(formatAuditTable(report));
    return auditExitCode(report);
  } finally {
    monitor.close();
  }
}
