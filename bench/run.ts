// `npm run bench [-- NAME...]`: runs benchmarks one after the other, each in a process of its own, writes what they measured
// to bench/results/NAME.json, and makes docs/benchmarks.md of all results. Without names: all but those that are run by
// name alone. A benchmark that fails keeps its last result, and the rest goes on. As root, on a machine with nothing else to do.
// --short sees in a few minutes that all of them run: results and page go to build/bench and are worth nothing.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runPart } from './support/run-part.ts';
import { PARTS } from './parts.ts';
import { writePage } from './report/write.ts';
import { resultText } from './support/result.ts';

const TREE = join(import.meta.dirname, '..');

const args = process.argv.slice(2);
const short = args.includes('--short');
const names = args.filter((arg) => arg !== '--short');
const unknown = names.find((name) => !PARTS.some((part) => part.name === name));
if (unknown !== undefined) {
  console.error(`no such benchmark: ${unknown}; there are ${PARTS.map(({ name }) => name).join(', ')}`);
  process.exit(2);
}
const parts = PARTS.filter(({ name, byName }) =>
  names.length === 0 ? byName !== true : names.includes(name),
);
const folder = join(TREE, short ? 'build/bench' : 'bench/results');
mkdirSync(folder, { recursive: true });
const startedMs = performance.now();
const failed: string[] = [];
for (const [i, part] of parts.entries()) {
  process.stderr.write(
    `== ${part.name}, ${i + 1} of ${parts.length}${short ? '' : `: some ${part.minutes} min`}\n`,
  );
  try {
    const { result, isBad } = await runPart(part, short);
    if (isBad) failed.push(part.name);
    writeFileSync(join(folder, `${part.name}.json`), resultText(result));
    process.stderr.write(`== ${part.name}: ${result.seconds} s, ${result.figures.length} figures\n`);
  } catch (error) {
    failed.push(part.name);
    process.stderr.write(
      `== ${part.name} FAILED: ${error instanceof Error ? error.message : String(error)}\n`,
    );
  }
}
if (short) writePage(folder, join(folder, 'benchmarks.md'));
else writePage(folder);
const minutes = ((performance.now() - startedMs) / 60_000).toFixed(1);
console.log(`${parts.length - failed.length} of ${parts.length} benchmarks in ${minutes} min`);
if (failed.length > 0) console.log(`failed: ${failed.join(', ')}`);
process.exitCode = failed.length > 0 ? 1 : 0;
