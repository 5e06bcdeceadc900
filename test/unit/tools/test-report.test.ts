import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Report } from '../../../tools/test-report.ts';

const root = resolve(import.meta.dirname, '../../..');
const FILES = {
  'one.test.ts': `
    import { describe, expect, test } from 'vitest';
    test('passes', () => {});
    test('fails', () => { expect(1, 'one is two').toBe(2); });
    test('cannot run here', (context) => { context.skip('needs root'); });
    test.skip('was switched off', () => {});`,
  'two.test.ts': `
    import { beforeAll, describe, test } from 'vitest';
    test('passes too', () => {});
    describe('a group', () => {
      beforeAll(() => { throw new Error('the hook broke'); });
      test('never ran', () => {});
    });`,
  'three.test.ts': `throw new Error('cannot be read');`,
  'four.test.ts': `
    import { test } from 'vitest';
    test('leaves a promise behind', () => { void Promise.reject(new Error('nobody waited')); });`,
};

let dir = '';
let report: Report;

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'kube-netc-report-'));
  symlinkSync(join(root, 'node_modules'), join(dir, 'node_modules'));
  for (const [name, text] of Object.entries(FILES)) writeFileSync(join(dir, name), text);
  spawnSync(
    join(root, 'node_modules/.bin/vitest'),
    ['run', '--root', dir, `--reporter=${join(root, 'tools/test-report.ts')}`],
    { cwd: dir, env: { ...process.env, KUBE_NETC_TEST_REPORT: join(dir, 'report.json') } },
  );
  report = JSON.parse(readFileSync(join(dir, 'report.json'), 'utf8')) as Report;
});

afterAll(() => {
  rmSync(dir, { recursive: true, force: true });
});

describe('the report of a run', () => {
  test('counts what passed', () => {
    expect(report.passed).toBe(3);
  });

  test('names what was skipped, with the reason', () => {
    expect(report.skips).toEqual([{ name: 'one.test.ts > cannot run here', reason: 'needs root' }]);
  });

  test.each([
    /^one\.test\.ts > fails: .*one is two/,
    /^one\.test\.ts > was switched off: did not run, and no reason was given$/,
    /^two\.test\.ts: the hook broke$/,
    /^two\.test\.ts > a group > never ran: did not run/,
    /^three\.test\.ts: cannot be read$/,
    /^unhandled error: nobody waited$/,
  ])('counts as failed, with what happened: %s', (line) => {
    expect(report.failures.filter((failure) => line.test(failure))).toHaveLength(1);
  });

  test('counts nothing else as failed', () => {
    expect(report.failures).toHaveLength(6);
  });
});
