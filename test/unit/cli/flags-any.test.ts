// No input crashes the command line: any value of any flag, by flag or by environment, is taken or refused in one line.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { Command, CommanderError, type Option } from 'commander';
import fc from 'fast-check';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { FLAGS } from '../../../src/cli/flags.ts';

const ROOT = join(import.meta.dirname, '../../..');
/** Programs started by a property take 0.2 s each. */
const PROGRAM_RUNS = 12;

afterEach(() => vi.unstubAllEnvs());

const HARD = [
  '=',
  ',',
  ':',
  '/',
  '[',
  ']',
  '%',
  '-',
  '.',
  '0',
  '9',
  'ms',
  's',
  'on',
  'off',
  '\n',
  '\u001b',
  '\u{1f419}',
  '\ud800',
];
const anyValue = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: fc.constantFrom(...HARD), maxLength: 40 }),
  fc
    .tuple(fc.oneof(fc.ipV4(), fc.ipV6()), fc.integer({ min: -1, max: 200 }))
    .map(([ip, bits]) => `net=${ip}/${bits}`),
  fc
    .tuple(fc.oneof(fc.ipV4(), fc.ipV6(), fc.domain()), fc.integer({ min: -1, max: 70_000 }))
    .map(([ip, port]) => `${ip}:${port}`),
  fc.double().map(String),
  fc.string({ minLength: 10_000, maxLength: 20_000 }),
);
const anyFlag = fc.constantFrom(...(Object.keys(FLAGS) as (keyof typeof FLAGS)[]));

function parse(option: Option, args: readonly string[]): unknown {
  const command = new Command().addOption(option).exitOverride();
  command.configureOutput({ writeErr: () => {} }).parse(args, { from: 'user' });
  return command.opts()[option.attributeName()];
}

/** What came of it: a value that can be used, or an error that the command line prints. */
function outcome(of: () => unknown): string {
  try {
    const value = of();
    const usable = value !== undefined && !Number.isNaN(value) && JSON.stringify(value) !== undefined;
    return usable ? 'taken' : `unusable: ${String(value)}`;
  } catch (error) {
    return error instanceof CommanderError ? 'refused' : `crashed: ${String(error)}`;
  }
}

describe('any value of any flag', () => {
  test('is taken or refused, and by the environment as by the flag', () => {
    fc.assert(
      fc.property(anyFlag, anyValue, (name, value) => {
        const { long, envVar = '' } = FLAGS[name]();
        const given = outcome(() => parse(FLAGS[name](), [`${long}=${value}`]));
        expect(given).toMatch(/^(taken|refused)$/);
        if (value === '' || value.includes('\0') || !value.isWellFormed()) return; // no environment holds these
        vi.stubEnv(envVar, value);
        expect(outcome(() => parse(FLAGS[name](), []))).toBe(given);
        vi.unstubAllEnvs();
      }),
      { numRuns: 1_000 },
    );
  });
});

/** The command line on the way to an agent that cannot come about: what is refused is refused before it. */
function start(args: readonly string[], env: Readonly<Record<string, string>>) {
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith('KUBE_NETC_'));
  const all = [join(ROOT, 'src/cli/main.ts'), 'agent', '--listen', '192.0.2.1:1', ...args];
  const options = { env: { ...Object.fromEntries(own), ...env }, timeout: 60_000 };
  return new Promise<{ code: number; out: string; err: string }>((resolve) => {
    execFile(process.execPath, all, options, (error, out, err) =>
      resolve({ code: Number(error?.code ?? 0), out, err }),
    );
  });
}

describe('a command line with any wrong value', () => {
  const wrong = fc
    .tuple(anyFlag, anyValue)
    .filter(
      ([name, value]) =>
        !value.includes('\0') &&
        value.isWellFormed() &&
        value !== '' &&
        value.length < 1_000 &&
        outcome(() => parse(FLAGS[name](), [`${FLAGS[name]().long}=${value}`])) === 'refused',
    );

  test('ends with one line and exit code 2', async () => {
    await fc.assert(
      fc.asyncProperty(wrong, fc.boolean(), async ([name, value], byEnvironment) => {
        fc.pre(name !== 'listen' || !byEnvironment); // the flag above overrules it
        const { long, envVar = '' } = FLAGS[name]();
        const { code, out, err } = byEnvironment
          ? await start([], { [envVar]: value })
          : await start([`${long}=${value}`], {});
        expect([code, out]).toEqual([2, '']);
        expect(err).toMatch(/^kube-netc: \P{Cc}+ \(E_USAGE\)\n$/u);
      }),
      { numRuns: PROGRAM_RUNS },
    );
  });
});
