import { describe, expect, test } from 'vitest';
import { asNetcError, errorLine, ERRORS, NetcError } from '../../../src/util/errors.ts';

const entries = Object.entries(ERRORS);

describe('the table of errors', () => {
  test.each(entries)('%s is one line with a hint that says what to do', (code, entry) => {
    expect(code).toMatch(/^E_[A-Z_]+$/);
    expect(entry.message).toMatch(/^[^\n]*[^\n.]$/);
    expect(entry.hint).toMatch(/^[^\n]+\.$/);
  });

  test('only a wrong command line ends with exit code 2', () => {
    expect(entries.filter(([, entry]) => entry.exitCode === 2).map(([code]) => code)).toEqual(['E_USAGE']);
  });
});

describe('a NetcError', () => {
  test('fills its message and takes exit code and hint from the table', () => {
    const error = new NetcError('E_PORT_TAKEN', { address: '127.0.0.1:9655' });
    expect(error.message).toBe('cannot listen on 127.0.0.1:9655: another program holds the port');
    expect(error).toMatchObject({ code: 'E_PORT_TAKEN', exitCode: 1, hint: ERRORS.E_PORT_TAKEN.hint });
  });

  test('keeps its cause and a better hint', () => {
    const cause = new Error('EACCES');
    const error = new NetcError(
      'E_PROBE_LOAD',
      { program: 'tcp_close', reason: 'x' },
      { cause, hint: 'Do y.' },
    );
    expect(error.cause).toBe(cause);
    expect(error.hint).toBe('Do y.');
  });

  test('does not read braces in a value as a place of its own', () => {
    const error = new NetcError('E_BPF', { operation: 'open {reason}', reason: '$& {operation}' });
    expect(error.message).toBe('open {reason} failed: $& {operation}');
  });
});

describe('the line that a person reads', () => {
  test('says what happened, what to do and the code', () => {
    expect(errorLine(new NetcError('E_USAGE', { problem: 'unknown flag --x' }))).toBe(
      `kube-netc: unknown flag --x. ${ERRORS.E_USAGE.hint} (E_USAGE)`,
    );
  });

  test('stays one line and moves no cursor, whatever the text from outside holds', () => {
    const line = errorLine(new NetcError('E_BPF', { operation: 'a\nb', reason: '\u001b[2J' }));
    expect(line).toContain(String.raw`a\x0ab failed: \x1b[2J.`);
  });

  test.each([[new TypeError('boom')], ['boom']])('of a fault of ours names it as such: %s', (thrown) => {
    const error = asNetcError(thrown);
    expect(error).toMatchObject({ code: 'E_INTERNAL', exitCode: 1, cause: thrown });
    expect(errorLine(error)).toContain('internal error: boom.');
    expect(asNetcError(error)).toBe(error);
  });
});
