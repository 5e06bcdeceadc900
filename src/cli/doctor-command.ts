import { Features, type Finding } from '../libbpf/features.ts';
import { planMonitor } from '../libbpf/monitor-plan.ts';
import { programsOf, tryProgram } from '../libbpf/trial-load.ts';
import { asNetcError } from '../util/errors.ts';
import { defaultSlots } from './agent-options.ts';
import {
  type Check,
  checkCapabilities,
  checkHost,
  checkKernel,
  checkLibbpf,
  checkMemory,
  checkProbe,
  checkUdp,
} from './checks.ts';
import { clusterChecks } from './cluster-checks.ts';
import type { ClusterOptions } from './cluster.ts';
import { openHost } from './host.ts';
import { OBJECT_PATH } from './start-monitor.ts';
import { formatTable } from './table.ts';

/** Says of each thing that the agent needs whether it is there. @returns whether the agent could run */
export async function runDoctor(cgroupRoot: string | undefined, cluster: ClusterOptions): Promise<boolean> {
  const checks = [...machineChecks(cgroupRoot), ...(await clusterChecks(cluster))];
  const columns = [
    { title: 'WHAT', cell: (c: Check) => c.name },
    { title: 'VERDICT', cell: (c: Check) => c.verdict },
    { title: 'FOUND', cell: (c: Check) => c.found },
  ];
  process.stdout.write(formatTable(columns, checks));
  const wanting = checks.filter((c) => c.advice !== '');
  if (wanting.length > 0)
    process.stdout.write(`\n${wanting.map((c) => `${c.name}: ${c.advice}\n`).join('')}`);
  const runs = checks.every((c) => c.verdict !== 'missing');
  const less = checks.some((c) => c.verdict === 'less');
  const verdict = runs
    ? less
      ? 'The agent runs here, with less than it could have.'
      : 'The agent runs here.'
    : 'The agent cannot run here.';
  process.stdout.write(`\n${verdict}\n`);
  return runs;
}

function machineChecks(cgroupRoot: string | undefined): Check[] {
  const libbpf = checkLibbpf();
  const checks = [libbpf, ...checkHost(openHost(cgroupRoot).view), checkMemory(defaultSlots())];
  if (libbpf.verdict !== 'ok') return checks;
  using features = new Features();
  checks.unshift(...checkKernel(features), ...checkCapabilities(features));
  const lacking = checks.filter(isNeededByAll).map((c) => c.name);
  if (lacking.length > 0) {
    const found = `not tried: they need ${lacking.join(', ')}`;
    return [...checks, { name: 'probes', verdict: 'missing', found, advice: '' }];
  }
  checks.push(...probeChecks());
  const plan = planMonitor(features, 'auto');
  checks.push(checkUdp(plan.udp, plan.notes));
  return checks;
}

/** Whether no probe can load with this: it is missing, or could not even be looked for. */
function isNeededByAll({ name, verdict }: Check): boolean {
  return verdict === 'missing' || (name === 'kernel BTF' && verdict === 'unknown');
}

function probeChecks(): Check[] {
  try {
    const tried = programsOf(OBJECT_PATH).map(
      (program): { name: string; section: string; finding: Finding } => {
        return { ...program, finding: tryProgram(OBJECT_PATH, program.name) };
      },
    );
    const walks = tried.some(({ name, finding }) => name.startsWith('walk_') && finding.answer === 'yes');
    return tried.map(({ name, section, finding }) => checkProbe(name, section, finding, walks));
  } catch (error) {
    const { message, hint } = asNetcError(error);
    return [{ name: 'BPF object', verdict: 'missing', found: message, advice: hint }];
  }
}
