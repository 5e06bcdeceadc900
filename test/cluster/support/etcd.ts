import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { etcdCommand, type ControlPlane } from '../../../tools/k8s/control-plane.ts';
import { LoggedProcess } from '../../../tools/k8s/logged-process.ts';
import { freePort } from '../../support/free-port.ts';

const START_LIMIT_MS = 60_000;
/** A key that the API server does not look at: its own begin with /registry. */
const OWN_KEY = Buffer.from('/kube-netc-test').toString('base64');

/** A real etcd on loopback, by its JSON gateway. */
export class Etcd {
  readonly process: LoggedProcess;
  readonly #url: string;

  private constructor(process: LoggedProcess, url: string) {
    this.process = process;
    this.#url = url;
  }

  static async start(plane: ControlPlane): Promise<Etcd> {
    const command = etcdCommand(plane, `http://127.0.0.1:${await freePort()}`);
    const etcd = new Etcd(new LoggedProcess(command, join(plane.folder, 'etcd.log')), plane.etcdUrl);
    const end = performance.now() + START_LIMIT_MS;
    while (!(await etcd.#answers())) {
      if (!etcd.process.running || performance.now() > end) throw new Error(etcd.process.lastWords());
      await sleep(20);
    }
    return etcd;
  }

  /** The revision of the last write: what a resourceVersion is. */
  async revision(): Promise<number> {
    const { header } = await this.#ask<{ header: { revision: string } }>('kv/range', { key: OWN_KEY });
    return Number(header.revision);
  }

  /** Forgets all revisions so far. */
  async compact(): Promise<void> {
    // A watch begins at the revision after the one it knows, and the one that is compacted to is still there.
    for (const value of ['1', '2']) await this.#ask('kv/put', { key: OWN_KEY, value: btoa(value) });
    await this.#ask('kv/compaction', { revision: String(await this.revision()), physical: true });
  }

  async stop(): Promise<void> {
    await this.process.stop('SIGKILL');
  }

  async #answers(): Promise<boolean> {
    return this.revision().then(
      () => true,
      () => false,
    );
  }

  async #ask<T>(what: string, body: unknown): Promise<T> {
    const response = await fetch(`${this.#url}/v3/${what}`, { method: 'POST', body: JSON.stringify(body) });
    const text = await response.text();
    if (!response.ok) throw new Error(`etcd ${what}: ${response.status} ${text}`);
    return JSON.parse(text) as T;
  }
}
