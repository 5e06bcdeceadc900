import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { runPart } from '../../../bench/support/run-part.ts';

const SCRIPTS = join(import.meta.dirname, '../../../bench');
const folder = mkdtempSync(join(tmpdir(), 'netc-part-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Runs this code in place of a benchmark, which may take ten minutes. */
function run(code: string): ReturnType<typeof runPart> {
  const file = join(folder, 'part.ts');
  writeFileSync(file, code);
  const script = relative(SCRIPTS, file).replace(/\.ts$/, '');
  return runPart({ name: 'part', script, args: [], short: [], minutes: 10 / 3 }, true);
}

test('a benchmark that somebody ends says by what, and how long it ran', async () => {
  await expect(run("process.kill(process.pid, 'SIGTERM'); setInterval(() => {}, 1_000);")).rejects.toThrow(
    /^SIGTERM after \d{1,2} s$/,
  );
});

test('a benchmark that fails says its exit code', async () => {
  await expect(run('process.exit(3);')).rejects.toThrow(/^exit code 3 after \d+ s$/);
});

test('a benchmark that has measured and then fails is bad', async () => {
  const ran = await run(`console.log('{"bench":"x","figures":[]}'); process.exitCode = 1;`);
  expect(ran).toEqual({ result: { bench: 'part', figures: [] }, isBad: true });
});
