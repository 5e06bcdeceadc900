// Runs every test of the tree and ends with one line: N passed, N failed, N skipped. A static check counts as one test.
// Usage: node tools/run-tests.ts [checks] [unit] [kernel] [e2e] [cluster] [vm]   (nothing: all of them)
import { globSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { runCommand, type Finished } from './run-command.ts';
import type { Report } from './test-report.ts';

const MINUTE_MS = 60_000;
const CHECK_LIMIT_MS = 10 * MINUTE_MS;
/** What hangs is ended. On a machine of two cores with as much other work again each takes three times as long as alone. */
const PROJECTS = {
  unit: 15 * MINUTE_MS,
  kernel: 25 * MINUTE_MS,
  e2e: 40 * MINUTE_MS,
  cluster: 25 * MINUTE_MS,
  vm: 30 * MINUTE_MS,
} as const;

const shellFiles = [...globSync('{tools,test,bench,deploy}/**/*.sh'), '.ci/run', 'kube-netc'];

/** One static check: a name, and a command that fails when the tree is not as it should be. */
const CHECKS: readonly (readonly [name: string, command: readonly string[]])[] = [
  ['format', ['prettier', '--check', '.']],
  ['lint', ['oxlint']],
  ['types', ['tsc']],
  ['unused code', ['knip']],
  ['format of C', ['sh', 'tools/format-c.sh', '--check']],
  ['shell scripts', ['shellcheck', '-x', ...shellFiles]],
  ['layouts are current', ['node', 'tools/gen-abi.ts', '--check']],
  ['reference pages are current', ['node', 'tools/gen-docs.ts', '--check']],
  ['the install manifest is current', ['node', 'tools/gen-manifests.ts', '--check']],
  ["the chart's rules are current", ['node', 'tools/gen-rules.ts', '--check']],
  ['dashboards are current', ['node', 'tools/gen-dashboards.ts', '--check']],
  ['the page of benchmarks is current', ['node', 'bench/report/write.ts', '--check']],
];

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

async function runCheck(name: string, command: readonly string[]): Promise<Report> {
  const done = await runCommand(command, { limitMs: CHECK_LIMIT_MS, show: false });
  const passed = done.problem === null;
  console.log(`${passed ? '  ok  ' : 'FAILED'} ${name} (${seconds(done.tookMs)})`);
  if (passed) return { passed: 1, failures: [], skips: [] };
  console.log(`$ ${command.join(' ').slice(0, 200)}\n${done.output}`);
  return { passed: 0, failures: [`${name}: ${done.problem}`], skips: [] };
}

async function runProject(project: keyof typeof PROJECTS): Promise<Report> {
  const file = `build/test-reports/${project}.json`;
  rmSync(file, { force: true });
  mkdirSync('build/test-reports', { recursive: true });
  const done = await runCommand(
    ['vitest', 'run', '--project', project, '--reporter=default', '--reporter=./tools/test-report.ts'],
    { limitMs: PROJECTS[project], show: true, env: { KUBE_NETC_TEST_REPORT: file } },
  );
  const report = readReport(file, done);
  console.log(`${project}: ${seconds(done.tookMs)}`);
  // A run that ended badly without a failed test, for whatever reason, is a failure too.
  if (done.problem === null || report.failures.length > 0) return report;
  return { ...report, failures: [`${project}: ${done.problem}`] };
}

function readReport(file: string, done: Finished): Report {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Report;
  } catch {
    return {
      passed: 0,
      failures: [`no report of the tests: ${done.problem ?? 'vitest wrote none'}`],
      skips: [],
    };
  }
}

async function runAll(wanted: readonly string[]): Promise<Report[]> {
  const is = (stage: string): boolean => wanted.length === 0 || wanted.includes(stage);
  const reports: Report[] = [];
  if (is('checks')) {
    console.log('\n== checks');
    for (const [name, command] of CHECKS) reports.push(await runCheck(name, command));
  }
  for (const project of Object.keys(PROJECTS) as (keyof typeof PROJECTS)[]) {
    if (!is(project)) continue;
    console.log(`\n== ${project}`);
    reports.push(await runProject(project));
  }
  return reports;
}

const STAGES = ['checks', ...Object.keys(PROJECTS)];
const wanted = process.argv.slice(2);
const unknown = wanted.find((stage) => !STAGES.includes(stage));
if (unknown !== undefined) {
  console.error(
    `no such stage: ${unknown}; there are ${STAGES.join(', ')}, and npx vitest run FILE for one file`,
  );
  process.exit(2);
}
const startedMs = performance.now();
const reports = await runAll(wanted);
const failures = reports.flatMap((report) => report.failures);
const skips = reports.flatMap((report) => report.skips);
const passed = reports.reduce((sum, report) => sum + report.passed, 0);

console.log(`\n== all of it took ${seconds(performance.now() - startedMs)}`);
for (const { name, reason } of skips) console.log(`skipped: ${name}: ${reason}`);
for (const failure of failures) console.log(`failed: ${failure}`);
console.log(`${passed} passed, ${failures.length} failed, ${skips.length} skipped`);
process.exitCode = failures.length > 0 ? 1 : 0;
