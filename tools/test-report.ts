import { writeFileSync } from 'node:fs';
import type { Reporter, TestCase, TestModule } from 'vitest/node';

/** What a run of tests comes to. */
export interface Report {
  readonly passed: number;
  /** One line each. */
  readonly failures: readonly string[];
  readonly skips: readonly { readonly name: string; readonly reason: string }[];
}

function nameOf(test: TestCase): string {
  return `${test.module.relativeModuleId} > ${test.fullName}`;
}

function isReport(value: unknown): value is { message: string } {
  return typeof value === 'object' && value !== null && 'message' in value;
}

function firstLine(error: unknown): string {
  return (isReport(error) ? error.message : String(error)).split('\n', 1)[0] ?? '';
}

function reportOf(modules: readonly TestModule[], unhandled: readonly unknown[]): Report {
  const failures = unhandled.map((error) => `unhandled error: ${firstLine(error)}`);
  const skips: { name: string; reason: string }[] = [];
  let passed = 0;
  for (const module of modules) {
    for (const test of module.children.allTests()) {
      const result = test.result();
      if (result.state === 'passed') passed += 1;
      else if (result.state === 'failed') failures.push(`${nameOf(test)}: ${firstLine(result.errors[0])}`);
      else if (result.state === 'skipped' && result.note !== undefined)
        skips.push({ name: nameOf(test), reason: result.note });
      else failures.push(`${nameOf(test)}: did not run, and no reason was given`);
    }
    // A file that cannot be read, a hook that fails.
    const suites = [module, ...module.children.allSuites()];
    for (const error of suites.flatMap((suite) => suite.errors())) {
      failures.push(`${module.relativeModuleId}: ${firstLine(error)}`);
    }
  }
  return { passed, failures, skips };
}

/** Writes the counts, and the reason of each test that was skipped, to the file of KUBE_NETC_TEST_REPORT. */
export default class TestReport implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly unknown[]): void {
    const file = process.env['KUBE_NETC_TEST_REPORT'];
    if (file !== undefined) writeFileSync(file, JSON.stringify(reportOf(modules, unhandled)));
  }
}
