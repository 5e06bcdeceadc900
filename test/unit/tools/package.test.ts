import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';

const root = new URL('../../../', import.meta.url);
const read = (name: string): string => readFileSync(new URL(name, root), 'utf8');

type Versions = Readonly<Record<string, string>>;
const manifest = JSON.parse(read('package.json')) as Record<
  'dependencies' | 'devDependencies' | 'optionalDependencies',
  Versions
>;
const packages = (
  JSON.parse(read('package-lock.json')) as { packages: Record<string, { integrity?: string }> }
).packages;

describe('the packages', () => {
  test.each(['dependencies', 'devDependencies', 'optionalDependencies'] as const)(
    'of %s are pinned',
    (kind) => {
      for (const version of Object.values(manifest[kind])) expect(version).toMatch(/^\d+\.\d+\.\d+$/);
    },
  );

  test('are locked by hash, and no registry is named', () => {
    expect(read('package-lock.json')).not.toMatch(/"resolved"|https?:\/\/[^"]*\.tgz/);
    const unhashed = Object.entries(packages).filter(
      ([path, { integrity }]) => path !== '' && integrity === undefined,
    );
    expect(unhashed.map(([path]) => path)).toEqual([]);
  });

  test.each(Object.keys(manifest.dependencies))(
    'that run in the agent stand in the reference: %s',
    (name) => {
      expect(read('docs/reference/dependencies.md')).toContain(`| ${name} ${manifest.dependencies[name]} |`);
    },
  );
});
