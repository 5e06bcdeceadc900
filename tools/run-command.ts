import { spawn } from 'node:child_process';

export interface Finished {
  /** Why it counts as failed, or null. */
  readonly problem: string | null;
  /** Both streams, if they were not shown. */
  readonly output: string;
  readonly tookMs: number;
}

export interface Options {
  /** The command and all that it started are killed after so long. */
  readonly limitMs: number;
  /** Show the output as it comes, or keep it. */
  readonly show: boolean;
  readonly env?: Readonly<Record<string, string>>;
  /** What does not end within so long after SIGTERM gets SIGKILL. */
  readonly killAfterMs?: number;
}

/** Runs a command in a process group of its own. Never throws: a program that is not there is a problem like others. */
export async function runCommand(command: readonly string[], options: Options): Promise<Finished> {
  const startedMs = performance.now();
  const [program = '', ...args] = command;
  const child = spawn(program, args, {
    detached: true,
    // Both streams into one, so that what fails stands where it failed, and nothing after the last line.
    stdio: options.show ? ['ignore', 1, 1] : ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...(process.stdout.isTTY ? {} : { NO_COLOR: '1' }), ...options.env },
  });
  let output = '';
  const keep = (text: Buffer): void => {
    output += text.toString();
  };
  child.stdout?.on('data', keep);
  child.stderr?.on('data', keep);
  const stop = (signal: NodeJS.Signals): void => killGroup(child.pid, signal);
  const stopAndEnd = (): void => {
    stop('SIGTERM');
    process.exit(130);
  };
  process.once('SIGINT', stopAndEnd).once('SIGTERM', stopAndEnd);
  let late = false;
  const limit = setTimeout(() => {
    late = true;
    stop('SIGTERM');
  }, options.limitMs);
  const kill = setTimeout(() => stop('SIGKILL'), options.limitMs + (options.killAfterMs ?? 5_000));
  const ending = await new Promise<string | null>((resolve) => {
    child.once('error', (error) => resolve(`cannot run ${program}: ${error.message}`));
    child.once('close', (code, signal) =>
      resolve(code === 0 ? null : `${program} ended with ${signal ?? code}`),
    );
  });
  clearTimeout(limit);
  clearTimeout(kill);
  process.off('SIGINT', stopAndEnd).off('SIGTERM', stopAndEnd);
  const problem = late ? `${program} did not end within ${options.limitMs / 1000} s` : ending;
  return { problem, output, tookMs: performance.now() - startedMs };
}

function killGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // It has ended already.
  }
}
