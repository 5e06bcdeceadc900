import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { apiServerCommand, makeControlPlane, type ControlPlane } from '../../../tools/k8s/control-plane.ts';
import { httpsStatus } from '../../../tools/k8s/https-status.ts';
import { kubeconfig } from '../../../tools/k8s/kubeconfig.ts';
import { LoggedProcess } from '../../../tools/k8s/logged-process.ts';
import { newLabId } from '../../hosts/lab-id.ts';
import { labFolder, removeAbandonedLabs, removeLab } from '../../hosts/remove-lab.ts';
import { AdminClient } from './admin-client.ts';
import { Etcd } from './etcd.ts';
import { freePort } from '../../support/free-port.ts';
import { findPrograms } from './programs.ts';
import { grant, makeToken, type Rule } from './service-token.ts';

const READY_LIMIT_MS = 60_000;
const PORT_TRIES = 3;

export interface ApiServerOptions {
  /** Feature gates by name. */
  readonly features?: Readonly<Record<string, boolean>>;
  /** False: etcd itself answers lists and watches, so that a compaction is seen at once. True by default. */
  readonly watchCache?: boolean;
  /** How often the server has etcd forget old revisions, `5m0s`; never by default. */
  readonly compaction?: string;
  readonly flags?: readonly string[];
}

/** Folders of servers that are running: removed when this process exits without closing them. */
const open = new Set<string>();
process.on('exit', () => open.forEach(removeLab));

/**
 * A real etcd and kube-apiserver on free ports of loopback, without controllers, scheduler and nodes: objects are what
 * tests write. Ask whyNoApiServer() first. Close it, or declare it by `await using`.
 */
export class ApiServer {
  readonly url: string;
  readonly folder: string;
  /** The authority of the server's certificate: file, and PEM. */
  readonly caFile: string;
  readonly ca: string;
  readonly adminToken: string;
  readonly admin: AdminClient;
  readonly plane: ControlPlane;
  readonly etcd: Etcd;
  readonly #id: string;
  readonly #command: readonly string[];
  #process: LoggedProcess;

  private constructor(id: string, plane: ControlPlane, etcd: Etcd, port: number, options: ApiServerOptions) {
    this.#id = id;
    this.plane = plane;
    this.folder = plane.folder;
    this.etcd = etcd;
    this.url = `https://127.0.0.1:${port}`;
    this.caFile = plane.authority.certFile;
    this.ca = plane.authority.pem;
    this.adminToken = plane.adminToken;
    this.admin = new AdminClient(this.url, this.ca, this.adminToken);
    this.#command = apiServerCommand(plane, {
      bind: '127.0.0.1',
      port,
      advertise: '',
      flags: flagsOf(options),
    });
    this.#process = this.#run();
  }

  static async start(options: ApiServerOptions = {}): Promise<ApiServer> {
    removeAbandonedLabs();
    for (let tries = 1; ; tries++) {
      const server = await ApiServer.#launch(options);
      try {
        await server.ready();
        return server;
      } catch (error) {
        await server.close();
        // Somebody took the port between the look and the start.
        if (tries === PORT_TRIES || !/address already in use/.test(String(error))) throw error;
      }
    }
  }

  static async #launch(options: ApiServerOptions): Promise<ApiServer> {
    const programs = findPrograms('etcd', 'kube-apiserver');
    const id = newLabId();
    const folder = labFolder(id);
    mkdirSync(folder);
    open.add(id);
    try {
      const etcdUrl = `http://127.0.0.1:${await freePort()}`;
      const plane = await makeControlPlane({ folder, programs, etcdUrl });
      return new ApiServer(id, plane, await Etcd.start(plane), await freePort(), options);
    } catch (error) {
      removeLab(id);
      open.delete(id);
      throw error;
    }
  }

  get pid(): number {
    return this.#process.pid;
  }

  /** The text of a kubeconfig, of the administrator unless a token is given; `server` may be a proxy's url. */
  kubeconfig(token = this.adminToken, server = this.url): string {
    return kubeconfig(server, this.ca, { token });
  }

  /** The path of a file with that text. */
  kubeconfigFile(token = this.adminToken, server = this.url): string {
    const file = join(this.folder, `kubeconfig-${token.slice(-8)}-${new URL(server).port}`);
    writeFileSync(file, this.kubeconfig(token, server), { mode: 0o600 });
    return file;
  }

  /**
   * The token of a service account that may do what the rules say, and nothing else. The server refuses it after so many
   * seconds, or up to 10 s later. Again for the same name: a new token, and these rules instead.
   */
  async token(serviceAccount: string, rules: readonly Rule[], seconds = 3600): Promise<string> {
    const account = await grant(this.admin, serviceAccount, rules);
    return makeToken(this.admin, account, seconds, this.plane.signingKeyFile);
  }

  /**
   * Makes etcd forget all revisions so far: what a client knows of is 410 Gone. With a watch cache the server goes on
   * answering from memory: forgetThePast().
   */
  async compact(): Promise<void> {
    await this.etcd.compact();
  }

  /** Afterwards every resourceVersion and continue token so far is 410 Gone, for lists and for watches. */
  async forgetThePast(): Promise<void> {
    await this.compact();
    await this.restart();
  }

  /** Ends the API server without a word, as a power cut does; etcd goes on. */
  async kill(): Promise<void> {
    await this.#process.stop('SIGKILL');
  }

  /** Kills it if it runs, starts it again on the same port and waits until it is ready. */
  async restart(): Promise<void> {
    await this.kill();
    this.#process = this.#run();
    await this.ready();
  }

  /** Stops it in its tracks: connections stay, and nothing answers, until resume(). */
  async pause(): Promise<void> {
    this.#process.signal('SIGSTOP');
    while (!isStopped(this.pid)) await sleep(5);
  }

  resume(): void {
    this.#process.signal('SIGCONT');
  }

  /** Waits until /readyz says ok. */
  async ready(): Promise<void> {
    const end = performance.now() + READY_LIMIT_MS;
    while (!(await this.#isReady())) {
      if (!this.#process.running || performance.now() > end) throw new Error(this.#process.lastWords());
      await sleep(30);
    }
  }

  async close(): Promise<void> {
    if (!open.has(this.#id)) return;
    this.admin.close();
    await Promise.all([this.kill(), this.etcd.stop()]);
    removeLab(this.#id);
    open.delete(this.#id);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #run(): LoggedProcess {
    return new LoggedProcess(this.#command, join(this.folder, 'apiserver.log'));
  }

  async #isReady(): Promise<boolean> {
    return (await httpsStatus(`${this.url}/readyz`, this.ca, this.adminToken)) === 200;
  }
}

/** Whether every thread has been stopped by a signal: proc(5), the field after the name. */
function isStopped(pid: number): boolean {
  return readdirSync(`/proc/${pid}/task`).every((thread) =>
    /\) T /.test(readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8')),
  );
}

function flagsOf({
  features = {},
  watchCache = true,
  compaction = '0',
  flags = [],
}: ApiServerOptions): string[] {
  const gates = Object.entries(features).map(([name, on]) => `${name}=${on}`);
  return [
    `--etcd-compaction-interval=${compaction}`,
    `--watch-cache=${watchCache}`,
    ...(gates.length > 0 ? [`--feature-gates=${gates.join(',')}`] : []),
    ...flags,
  ];
}
