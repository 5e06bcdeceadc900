import { join } from 'node:path';
import { build } from 'esbuild';
import { expect, test } from 'vitest';

const API = join(import.meta.dirname, '../../../../src/cluster/api');
const OFFICIAL = 'node_modules/@kubernetes/client-node/';

test('the official client is loaded by nobody who does not ask for a kubeconfig', async () => {
  const { metafile } = await build({
    entryPoints: [join(API, 'kubeconfig.ts'), join(API, 'reflector.ts'), join(API, 'in-cluster.ts')],
    outdir: 'never-written',
    write: false,
    metafile: true,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    logLevel: 'error',
  });
  const outputs = Object.entries(metafile.outputs);
  const has = outputs.filter(([, { inputs }]) => Object.keys(inputs).some((path) => path.includes(OFFICIAL)));
  expect(has.length).toBeGreaterThan(0);
  const chunks = new Set(has.map(([name]) => name));
  // what is loaded without being asked for: the entries, and what they import at once
  const loaded = new Set<string>();
  const load = (name: string): void => {
    if (loaded.has(name)) return;
    loaded.add(name);
    for (const { path, kind } of metafile.outputs[name]?.imports ?? []) {
      if (kind === 'import-statement') load(path);
    }
  };
  for (const [name, { entryPoint }] of outputs) if (entryPoint?.includes('src/cluster/api')) load(name);
  expect([...loaded].filter((name) => chunks.has(name))).toEqual([]);
});
