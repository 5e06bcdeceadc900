import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '../../..');
const TERMINAL_COLUMNS = 80;

interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs the command line. Only what ends by itself: nothing here starts an agent. */
function run(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> {
  const own = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.startsWith('KUBE_NETC_')),
  );
  return new Promise((resolve) => {
    const all = [join(ROOT, 'src/cli/main.ts'), ...args];
    execFile(process.execPath, all, { env: { ...own, ...env }, timeout: 60_000 }, (error, out, err) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? NaN), out, err });
    });
  });
}

describe('a wrong command line is one line on stderr and exit code 2', () => {
  test.concurrent.each<[string, string[], Record<string, string>, string]>([
    ['no command', [], {}, 'no command given'],
    ['an unknown command', ['agnet'], {}, "unknown command 'agnet' (Did you mean agent?)"],
    ['help of an unknown command', ['help', 'nosuch'], {}, "unknown command 'nosuch'"],
    ['an unknown flag', ['agent', '--seris', '3'], {}, "unknown option '--seris' (Did you mean --series?)"],
    ['a flag without its value', ['agent', '--listen'], {}, "option '--listen <address>' argument missing"],
    [
      'a wrong value',
      ['agent', '--series', 'many'],
      {},
      "argument 'many' is invalid. It must be a whole number",
    ],
    ['a wrong choice', ['connections', '-o', 'yaml'], {}, 'Allowed choices are table, wide, json, csv'],
    ['too much', ['doctor', 'now'], {}, "too many arguments for 'doctor'"],
    [
      'a wrong value in the environment',
      ['agent'],
      { KUBE_NETC_INTERVAL: 'soon' },
      "from env 'KUBE_NETC_INTERVAL'",
    ],
    [
      'text that would act on the terminal',
      ['agent', '--udp', 'x\x1b[2J\ny'],
      {},
      "argument 'x\\x1b[2J y' is invalid",
    ],
  ])('%s', async (_, args, env, problem) => {
    const { code, out, err } = await run(args, env);
    expect([code, out]).toEqual([2, '']);
    expect(err.split('\n')).toHaveLength(2);
    expect(err).toMatch(/^kube-netc: .*\. kube-netc --help lists the commands.* \(E_USAGE\)\n$/);
    expect(err).toContain(problem);
    expect(err).not.toMatch(/error:|\.\./);
    expect(err).not.toContain('\x1b');
  });
});

describe('help', () => {
  test.concurrent.each([
    ['--help'],
    ['agent', '--help'],
    ['connections', '-h'],
    ['doctor', '--help'],
    ['help', 'audit'],
  ])('%s %s is on stdout, fits a terminal, and is no error', async (...args) => {
    const { code, out, err } = await run(args.filter((arg) => arg !== undefined));
    expect([code, err]).toEqual([0, '']);
    expect(out).toMatch(/^Usage: kube-netc /);
    expect(out.split('\n').filter((line) => line.length > TERMINAL_COLUMNS)).toEqual([]);
  });

  test.concurrent('of a command names each flag with its twin in the environment', async () => {
    const { out } = await run(['agent', '--help']);
    const text = out.replaceAll(/\s+/g, ' ');
    const flags = [...text.matchAll(/ --([a-z-]+)/g)]
      .map(([, name = '']) => name)
      .filter((name) => name !== 'help');
    expect(flags.length).toBeGreaterThanOrEqual(10);
    for (const name of flags) {
      const twin = name.replaceAll('-', '_').toUpperCase();
      expect(text).toContain(`env: ${name === 'node-name' ? twin : `KUBE_NETC_${twin}`})`);
    }
  });
});

test.concurrent.each(['--version', '-V'])('%s is that of the package', async (flag) => {
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
  expect(await run([flag])).toEqual({ code: 0, out: `${version}\n`, err: '' });
});
