import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const root = resolve(import.meta.dirname, '../../..');
const IMPORTS = 'house(import-table)';

/** Where a file lies, what it says, and the rule that refuses it. */
const refused: readonly (readonly [path: string, code: string, rule: string])[] = [
  ['src/abi/a.ts', `import { x } from '../util/ip.ts'; x();`, IMPORTS],
  ['src/abi/b.ts', `import { x } from 'valibot'; x();`, IMPORTS],
  ['src/util/a.ts', `import { x } from '../abi/records.gen.ts'; x();`, IMPORTS],
  ['src/util/b.ts', `import type { X } from '../tracker/x.ts'; export type Y = X;`, IMPORTS],
  ['src/libbpf/a.ts', `import { x } from '../tracker/x.ts'; x();`, IMPORTS],
  ['src/libbpf/b.ts', `import { x } from '../server/x.ts'; x();`, IMPORTS],
  ['src/cli/a.ts', `import { load } from 'koffi'; load();`, IMPORTS],
  ['src/cli/b.ts', `export const x = await import('koffi');`, IMPORTS],
  ['test/unit/a.ts', `import { load } from 'koffi'; load();`, IMPORTS],
  ['src/tracker/a.ts', `import { x } from '../libbpf/x.ts'; x();`, IMPORTS],
  ['src/tracker/deep/b.ts', `export { x } from '../../cluster/identity.ts';`, IMPORTS],
  ['src/tracker/c.ts', `import { get } from 'node:http'; get('');`, IMPORTS],
  ['src/tracker/d.ts', `import { get } from 'https'; get('');`, IMPORTS],
  ['src/tracker/e.ts', `import { setTimeout as wait } from 'node:timers/promises'; await wait(1);`, IMPORTS],
  ['src/tracker/f.ts', `setTimeout(() => undefined, 1);`, 'eslint(no-restricted-globals)'],
  ['src/tracker/g.ts', `export const now = (): number => Date.now();`, 'eslint(no-restricted-globals)'],
  ['src/cluster/a.ts', `import { x } from '../libbpf/x.ts'; x();`, IMPORTS],
  ['src/cluster/b.ts', `import { x } from '../tracker/x.ts'; x();`, IMPORTS],
  ['src/cluster/c.ts', `export * from '../expose/page.ts';`, IMPORTS],
  ['src/collector/a.ts', `import { x } from '../libbpf/x.ts'; x();`, IMPORTS],
  ['src/collector/b.ts', `import { get } from 'node:http'; get('');`, IMPORTS],
  ['src/collector/c.ts', `import { x } from '../cluster/client.ts'; x();`, IMPORTS],
  ['src/expose/a.ts', `import { x } from '../tracker/x.ts'; x();`, IMPORTS],
  ['src/expose/b.ts', `import { x } from '../cluster/identity.ts'; x();`, IMPORTS],
  ['src/expose/c.ts', `import { x } from '../libbpf/x.ts'; x();`, IMPORTS],
  ['src/server/a.ts', `import { x } from '../libbpf/x.ts'; x();`, IMPORTS],
  ['src/server/b.ts', `import { x } from '../tracker/x.ts'; x();`, IMPORTS],
  ['src/server/c.ts', `export type X = import('../cluster/identity.ts').Identity;`, IMPORTS],
  ['src/server/d.ts', `import { x } from '../cli/main.ts'; x();`, IMPORTS],
  ['tools/a.ts', `import { x } from '../src/cli/main.ts'; x();`, IMPORTS],
  ['src/server/e.ts', `import { x } from '../../test/hosts/x.ts'; x();`, IMPORTS],
  ['web/a.ts', `import { x } from '../src/abi/api.ts'; x();`, IMPORTS],
  ['web/b.ts', `import type { X } from '../src/expose/page.ts'; export type Y = X;`, IMPORTS],
  ['src/server/f.ts', `export default 1;`, 'import(no-default-export)'],
  ['src/server/g.ts', '//\n'.repeat(301), 'eslint(max-lines)'],
  [
    'src/server/h.ts',
    `export function f(): void {\n${'  f();\n'.repeat(40)}}\n`,
    'eslint(max-lines-per-function)',
  ],
  ['src/server/i.ts', `async function f(): Promise<void> {}\nf();`, 'typescript(no-floating-promises)'],
];

const allowed: readonly (readonly [path: string, code: string])[] = [
  ['src/util/ok.ts', `import { isIP } from 'node:net';\nimport { y } from './other.ts';\ny(isIP(''));`],
  ['src/libbpf/ok.ts', `import { load } from 'koffi';\nimport { x } from '../abi/records.gen.ts';\nload(x);`],
  [
    'src/tracker/ok.ts',
    `import { x } from '../util/ip.ts';\nimport { y } from '../abi/records.gen.ts';\nx(y);`,
  ],
  [
    'src/collector/ok.ts',
    `import type { Identity } from '../cluster/identity.ts';\nexport type X = Identity;`,
  ],
  ['src/server/ok.ts', `import { get } from 'node:http';\nimport { x } from '../expose/page.ts';\nget(x);`],
  ['src/cli/ok.ts', `import { x } from '../libbpf/x.ts';\nimport { y } from './table.ts';\nx(y);`],
  ['test/unit/ok.ts', `import { x } from '../../src/cli/main.ts';\nx();`],
  ['web/ok.ts', `import type { X } from '../src/abi/api.ts';\nexport type Y = X;`],
];

interface Diagnostic {
  readonly code: string;
  readonly filename: string;
}

let dir = '';
const found = new Map<string, Set<string>>();

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'kube-netc-lint-'));
  for (const [path, code] of [...refused, ...allowed]) {
    mkdirSync(dirname(join(dir, path)), { recursive: true });
    writeFileSync(join(dir, path), code);
  }
  writeFileSync(join(dir, 'tsconfig.json'), '{"compilerOptions": {"strict": true}}');
  // The folders that the configuration names are relative to the place where it lies.
  const config = readFileSync(join(root, '.oxlintrc.json'), 'utf8');
  writeFileSync(join(dir, '.oxlintrc.json'), config.replace('"./tools/lint', `"${root}/tools/lint`));
  const oxlint = join(root, 'node_modules/.bin/oxlint');
  const { stdout, stderr } = spawnSync(oxlint, ['--format', 'json'], { cwd: dir, encoding: 'utf8' });
  if (stderr !== '') throw new Error(stderr);
  for (const { filename, code } of (JSON.parse(stdout) as { diagnostics: Diagnostic[] }).diagnostics) {
    found.set(filename, (found.get(filename) ?? new Set()).add(code));
  }
});

afterAll(() => {
  rmSync(dir, { recursive: true, force: true });
});

describe('the lint', () => {
  test.each(refused)('refuses what it should in %s', (path, _code, rule) => {
    expect([...(found.get(path) ?? [])]).toContain(rule);
  });

  test.each(allowed)('allows %s', (path) => {
    expect([...(found.get(path) ?? [])]).toEqual([]);
  });
});
