import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, describe, expect, test } from 'vitest';
import { runCommand } from '../../../tools/run-command.ts';

const dir = mkdtempSync(join(tmpdir(), 'kube-netc-run-'));
afterAll(() => {
  rmSync(dir, { recursive: true, force: true });
});

const quiet = { limitMs: 10_000, show: false };

describe('a command', () => {
  test('that ends well has no problem, and both its streams are kept', async () => {
    const done = await runCommand(['sh', '-c', 'echo out; echo err >&2'], quiet);
    expect(done.problem).toBeNull();
    expect(done.output.split('\n').toSorted()).toEqual(['', 'err', 'out']);
  });

  test.each([
    [['sh', '-c', 'exit 3'], 'sh ended with 3'],
    [['sh', '-c', 'kill -9 $$'], 'sh ended with SIGKILL'],
    [['no-such-program'], /^cannot run no-such-program: .*ENOENT/],
  ])('%j that does not is a problem', async (command, problem) => {
    expect((await runCommand(command, quiet)).problem).toMatch(problem);
  });

  test('that takes too long is ended with all that it started, even what ignores SIGTERM', async () => {
    const file = join(dir, 'alive');
    const script = `trap '' TERM; (while :; do date +%s%N > '${file}'; sleep 0.05; done) & wait`;
    const done = await runCommand(['sh', '-c', script], { limitMs: 3_000, show: false, killAfterMs: 300 });
    expect(done.problem).toBe('sh did not end within 3 s');
    expect(existsSync(file)).toBe(true);
    await wait(200);
    const last = readFileSync(file, 'utf8');
    await wait(300);
    expect(readFileSync(file, 'utf8')).toBe(last);
  });
});
