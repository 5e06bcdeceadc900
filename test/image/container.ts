import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Host } from '../hosts/host.ts';
import { type Ending, HostProcess } from '../hosts/host-process.ts';
import { Page } from '../support/page.ts';
import { imageTool, type UnpackedImage } from './built-image.ts';
import { runtimeConfig, type RuntimeOptions } from './runtime-config.ts';

const START_LIMIT_MS = 60_000;

/** What is the same for all containers of a test. */
export interface Surroundings {
  readonly image: UnpackedImage;
  /** The pod: its network namespace is the container's. */
  readonly pod: Host;
  /** A folder of this test alone. */
  readonly folder: string;
}

let made = 0;

/** The image's program in a container of runc. */
export class Container implements AsyncDisposable {
  readonly id: string;
  readonly startedMs = performance.now();
  readonly #state: string;
  readonly #process: HostProcess;

  private constructor(id: string, state: string, process: HostProcess) {
    this.id = id;
    this.#state = state;
    this.#process = process;
  }

  /** Starts it, and does not wait. */
  static run(
    { image, pod, folder }: Surroundings,
    options: Omit<RuntimeOptions, 'root' | 'netns' | 'cgroup'>,
  ): Container {
    const id = `kube-netc-test-${process.pid}-${made++}`;
    const bundle = join(folder, id);
    mkdirSync(bundle);
    const cgroup = `/${id}`;
    writeFileSync(
      join(bundle, 'config.json'),
      runtimeConfig(image.config, { ...options, root: image.root, netns: pod.path, cgroup }),
    );
    const state = join(folder, 'runc');
    const command = [imageTool('runc'), '--root', state, 'run', '--bundle', bundle, id];
    return new Container(id, state, new HostProcess(command));
  }

  /** What it has written to stderr: the log. */
  get log(): string {
    return this.#process.stderr;
  }

  get stdout(): string {
    return this.#process.stdout;
  }

  get ended(): Promise<Ending> {
    return this.#process.ended;
  }

  /** Waits until the log says so. Throws with the log if the container ends first. */
  async logged(text: string): Promise<void> {
    const end = performance.now() + START_LIMIT_MS;
    while (!this.log.includes(text)) {
      if (!this.#process.running || performance.now() > end)
        throw new Error(`the log never said "${text}": ${this.log}`);
      await sleep(5);
    }
  }

  /** Runs a program in it, as `kubectl exec` does. */
  async exec(...argv: readonly string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
    const child = new HostProcess([imageTool('runc'), '--root', this.#state, 'exec', this.id, ...argv]);
    const { code } = await child.ended;
    return { code, stdout: child.stdout, stderr: child.stderr };
  }

  /** The first process of it, by its pid on the machine. */
  async pid(): Promise<number> {
    const child = new HostProcess([imageTool('runc'), '--root', this.#state, 'state', this.id]);
    return (JSON.parse(await child.success()) as { pid: number }).pid;
  }

  /** Ends it by SIGTERM, and says after how long it had ended. */
  async stop(): Promise<Ending & { readonly tookMs: number }> {
    const startedMs = performance.now();
    process.kill(await this.pid(), 'SIGTERM');
    const ending = await this.ended;
    return { ...ending, tookMs: performance.now() - startedMs };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await new HostProcess([imageTool('runc'), '--root', this.#state, 'delete', '--force', this.id]).ended;
    await this.ended;
  }
}

/** The pages of an agent in a pod, asked for by another host. */
export class PodPages {
  readonly #from: Host;
  readonly #port: number;
  readonly #address: string;

  constructor(from: Host, address: string, port = 9655) {
    this.#from = from;
    this.#address = address.includes(':') ? `[${address}]` : address;
    this.#port = port;
  }

  /** What a path answers. Throws unless it is a success. */
  async get(path: string): Promise<string> {
    const url = `http://${this.#address}:${this.#port}${path}`;
    return this.#from.exec(['curl', '--silent', '--show-error', '--fail', '--globoff', url]);
  }

  /** The page as it is served. */
  async rawPage(query = ''): Promise<Page> {
    return new Page(await this.get(`/metrics${query}`));
  }
}

/** Resident memory of a process in MiB: what is its own, and what is of files and shared. Source: proc(5). */
export function residentMib(pid: number): { anonymous: number; files: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  const of = (name: string): number =>
    Number(new RegExp(`^${name}:\\s*(\\d+) kB$`, 'm').exec(status)?.[1] ?? NaN) / 1024;
  return { anonymous: of('RssAnon'), files: of('RssFile') + of('RssShmem') };
}
