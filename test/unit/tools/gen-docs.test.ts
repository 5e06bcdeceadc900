import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { METRICS } from '../../../src/expose/metrics.ts';
import { ERRORS } from '../../../src/util/errors.ts';
import { errorsPage, metricsPage } from '../../../tools/gen-docs.ts';

const committed = (name: string): string =>
  readFileSync(new URL(`../../../docs/reference/${name}`, import.meta.url), 'utf8');

describe('the reference', () => {
  test('of errors is what the table says, each code once', () => {
    expect(committed('errors.md')).toBe(errorsPage());
    for (const code of Object.keys(ERRORS)) expect(errorsPage().split(`\`${code}\``)).toHaveLength(2);
  });

  test('of metrics is what the table says, each name once', () => {
    expect(committed('metrics.md')).toBe(metricsPage());
    for (const { name } of METRICS) expect(metricsPage().split(`| \`${name}\` |`)).toHaveLength(2);
  });
});
