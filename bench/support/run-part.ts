import { spawn } from 'node:child_process';
import { join } from 'node:path';
import type { Part } from '../parts.ts';
import type { Result } from './result.ts';

const TREE = join(import.meta.dirname, '../..');
const LIMIT_FACTOR = 3;
const MINUTE_MS = 60_000;

/** What became of a benchmark. */
interface Ran {
  readonly result: Result;
  /** It has measured all, and says itself that what it saw must not be. */
  readonly isBad: boolean;
}

/** Runs one benchmark; what it says goes to stderr. Throws when it ends without a result, or takes far too long. */
export async function runPart(part: Part, short: boolean): Promise<Ran> {
  const args = (short ? part.short : part.args).map(String);
  const flags = ['--disable-warning=ExperimentalWarning', ...(part.flags ?? [])];
  const limitMs = Math.max(5, part.minutes * LIMIT_FACTOR) * MINUTE_MS;
  const child = spawn(process.execPath, [...flags, `bench/${part.script}.ts`, ...args], {
    cwd: TREE,
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: limitMs, // by SIGTERM: what it started ends with it
  });
  const startedMs = performance.now();
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (more: string) => (text += more));
  const { code, signal } = await new Promise<{ code: number | null; signal: string | null }>((resolve) => {
    child.once('close', (exitCode, by) => resolve({ code: exitCode, signal: by }));
    child.once('error', () => resolve({ code: 127, signal: null }));
  });
  if (code === null || text === '') {
    const tookSeconds = Math.round((performance.now() - startedMs) / 1_000);
    const ended = child.killed ? 'took too long, and was ended' : (signal ?? `exit code ${code}`);
    throw new Error(`${ended} after ${tookSeconds} s`);
  }
  return { result: { ...(JSON.parse(text) as Result), bench: part.name }, isBad: code !== 0 };
}
