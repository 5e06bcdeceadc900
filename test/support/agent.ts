import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { MAIN } from './main-file.ts';
import { Page } from './page.ts';

const TREE = join(import.meta.dirname, '../..');
const START_LIMIT_MS = 60_000;

/** What a started agent ended with. */
export interface AgentEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** The real agent in a process of its own, on a free port of loopback. */
export class TestAgent {
  readonly process: ChildProcess;
  /** "http://127.0.0.1:PORT" */
  readonly url: string;
  readonly ended: Promise<AgentEnd>;
  readonly #log: { text: string };

  private constructor(process: ChildProcess, url: string, ended: Promise<AgentEnd>, log: { text: string }) {
    this.process = process;
    this.url = url;
    this.ended = ended;
    this.#log = log;
  }

  /**
   * Starts `kube-netc agent` with these flags and waits until it serves. Throws with its log if it ends before.
   * @param prefix a command that becomes the agent: setpriv and its flags, for one
   */
  static async start(
    flags: readonly string[] = [],
    env: NodeJS.ProcessEnv = {},
    prefix: readonly string[] = [],
  ): Promise<TestAgent> {
    const child = spawnAgent(['--listen', '127.0.0.1:0', '--interval', '100ms', ...flags], env, prefix);
    const log = { text: '' };
    const ended = new Promise<AgentEnd>((resolve) =>
      child.once('exit', (code, signal) => resolve({ code, signal })),
    );
    const url = await new Promise<string>((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`the agent does not serve: ${log.text}`)),
        START_LIMIT_MS,
      );
      child.stderr?.on('data', (data: Buffer) => {
        log.text += data.toString();
        const found = /serving (http:\/\/[^/]+)\//.exec(log.text)?.[1];
        if (found !== undefined) resolve(found);
      });
      void ended
        .then(() => reject(new Error(`the agent ended: ${log.text}`)))
        .finally(() => clearTimeout(timer));
    });
    return new TestAgent(child, url, ended, log);
  }

  get log(): string {
    return this.#log.text;
  }

  /** A page of now: asks until the snapshot behind it is younger than the call. */
  async page(query = ''): Promise<Page> {
    const from = await this.#snapshots();
    for (;;) {
      const page = await this.rawPage(query);
      if ((await this.#snapshots()) > from + 1) return page;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** The page as it is served. */
  async rawPage(query = ''): Promise<Page> {
    const response = await fetch(`${this.url}/metrics${query}`);
    if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`);
    return new Page(await response.text());
  }

  async #snapshots(): Promise<number> {
    const page = await this.rawPage('?collect[]=agent');
    return page.value('kube_netc_agent_snapshots_total');
  }

  /** Ends it by SIGTERM. */
  async stop(): Promise<AgentEnd> {
    this.process.kill('SIGTERM');
    return this.ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.process.exitCode === null && this.process.signalCode === null) {
      this.process.kill('SIGKILL');
      await this.ended;
    }
  }
}

/** `kube-netc agent` with these arguments, as the script kube-netc runs it. It ends with whoever started it. */
export function spawnAgent(
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
  prefix: readonly string[] = [],
): ChildProcess {
  const agent = [process.execPath, '--max-semi-space-size=1', join(TREE, MAIN), 'agent', ...args];
  const command = [...prefix, 'setpriv', '--pdeathsig', 'KILL', '--', ...agent];
  const [file = '', ...rest] = command;
  return spawn(file, rest, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Runs a command of kube-netc to its end. */
export async function runCommand(
  args: readonly string[],
  options: { readonly env?: NodeJS.ProcessEnv; readonly prefix?: readonly string[] } = {},
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const [file = '', ...rest] = [...(options.prefix ?? []), process.execPath, join(TREE, MAIN), ...args];
  const child = spawn(file, rest, {
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (data: Buffer) => (stdout += data.toString()));
  child.stderr.on('data', (data: Buffer) => (stderr += data.toString()));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, stdout, stderr };
}
