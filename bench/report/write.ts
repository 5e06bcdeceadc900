// Makes docs/benchmarks.md of bench/results/*.json. Usage: node bench/report/write.ts [--check]
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { benchmarksPage } from './page.ts';
import { readResults } from './reader.ts';
import { readSoak } from './soak.ts';

const TREE = join(import.meta.dirname, '../..');
const PAGE = join(TREE, 'docs/benchmarks.md');

function currentPage(results: string): string {
  return benchmarksPage(readResults(results), readSoak(join(results, 'soak.json')));
}

/** Makes the page of the results in a folder. */
export function writePage(results: string, page = PAGE): void {
  writeFileSync(page, currentPage(results));
}

if (import.meta.main) {
  const results = join(TREE, 'bench/results');
  if (!process.argv.includes('--check')) writePage(results);
  else if (readFileSync(PAGE, 'utf8') !== currentPage(results)) {
    console.error('docs/benchmarks.md is not what bench/results says: run node bench/report/write.ts');
    process.exitCode = 1;
  }
}
