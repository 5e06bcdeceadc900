import type { ChildProcess } from 'node:child_process';
import { get } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { type AgentEnd, spawnAgent } from '../../support/agent.ts';
import { Page } from '../../support/page.ts';

const START_LIMIT_MS = 200_000; // an emulated machine on a busy one: the boot has its own limit

/** The real agent, with the patience that an emulated machine wants. */
export class RunningAgent {
  readonly url: string;
  readonly ended: Promise<AgentEnd>;
  readonly #process: ChildProcess;
  readonly #log: { text: string };

  private constructor(process: ChildProcess, url: string, log: { text: string }) {
    this.#process = process;
    this.ended = new Promise((resolve) => process.once('exit', (code, signal) => resolve({ code, signal })));
    this.url = url;
    this.#log = log;
  }

  /**
   * Starts `kube-netc agent` and waits until it serves. Throws with its log if it does not.
   * @param prefix a command that becomes the agent
   */
  static async start(flags: readonly string[], prefix: readonly string[] = []): Promise<RunningAgent> {
    const child = spawnAgent(['--listen', '127.0.0.1:0', '--interval', '100ms', ...flags], {}, prefix);
    const log = { text: '' };
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const timer = setTimeout(() => reject(new Error(`does not serve: ${log.text}`)), START_LIMIT_MS);
    child.once('exit', (code) => reject(new Error(`ended with ${code}: ${log.text}`)));
    child.stderr?.on('data', (data: Buffer) => {
      log.text += data.toString();
      const url = /serving (http:\/\/[^/]+)\//.exec(log.text)?.[1];
      if (url !== undefined) resolve(url.replace('*', '127.0.0.1'));
    });
    try {
      return new RunningAgent(child, await promise, log);
    } finally {
      clearTimeout(timer);
    }
  }

  get log(): string {
    return this.#log.text;
  }

  /** A page of whatever snapshot there is. */
  async newestPage(): Promise<Page> {
    return this.#get();
  }

  /** A page of a snapshot that began after this call. The agent takes its time: its share of a core is bounded. */
  async page(): Promise<Page> {
    const before = snapshotsOf(await this.#get()); // waits for the one that may be under way
    for (;;) {
      const page = await this.#get();
      if (snapshotsOf(page) > before) return page;
      await sleep(100);
    }
  }

  /** Ends it by SIGTERM. @returns its exit code */
  async stop(): Promise<number | null> {
    this.#process.kill('SIGTERM');
    return (await this.ended).code;
  }

  /** By node:http: fetch() takes a second to load here. */
  #get(): Promise<Page> {
    return new Promise((resolve, reject) => {
      get(`${this.url}/metrics`, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part: string) => (text += part));
        response.on('end', () =>
          response.statusCode === 200 ? resolve(new Page(text)) : reject(new Error(text)),
        );
      }).on('error', reject);
    });
  }
}

function snapshotsOf(page: Page): number {
  return page.value('kube_netc_agent_snapshots_total');
}
