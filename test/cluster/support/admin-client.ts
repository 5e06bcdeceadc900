import { connect, type ClientHttp2Session } from 'node:http2';
import { collectionPath, objectPath, type KubeObject, type KubeStatus } from './kube-object.ts';

/** Requests in flight of inParallel(): the server's own limit for writes is 200. */
const IN_FLIGHT = 64;
const CONNECTIONS = 2;
const LATE_MS = 30_000;
const MERGE = 'application/merge-patch+json';

export interface Answer {
  readonly status: number;
  readonly text: string;
}

/** An answer that is not 2xx, with what the server said. */
export class Refusal extends Error {
  readonly status: number;
  readonly reason: string;

  constructor(what: string, { status, text }: Answer) {
    super(`${what}: ${status} ${text.slice(0, 400)}`);
    this.status = status;
    this.reason = reasonOf(text);
  }
}

/** A client for tests: quick writes over HTTP/2, with a token of its own. Not what the product uses. */
export class AdminClient {
  readonly #url: string;
  readonly #ca: string;
  readonly #token: string;
  #sessions: (ClientHttp2Session | null)[] = Array.from({ length: CONNECTIONS }, () => null);
  #next = 0;

  constructor(url: string, ca: string, token: string) {
    this.#url = url;
    this.#ca = ca;
    this.#token = token;
  }

  /** Any request. Rejects only when there is no answer. */
  async request(method: string, path: string, body?: unknown, contentType?: string): Promise<Answer> {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const asked = {
      ':method': method,
      ':path': path,
      authorization: `Bearer ${this.#token}`,
      'content-type': contentType ?? 'application/json',
    };
    // Node takes a DELETE to have no body; its grace is in one.
    const stream = this.#session().request(asked, { endStream: body === undefined });
    stream.setTimeout(LATE_MS, () =>
      stream.destroy(new Error(`${method} ${path}: no answer in ${LATE_MS} ms`)),
    );
    let [status, text] = [0, ''];
    stream.setEncoding('utf8');
    stream.on('response', (headers) => (status = headers[':status'] ?? 0));
    stream.on('data', (part: string) => (text += part));
    stream.on('error', reject);
    stream.on('close', () =>
      status === 0 ? reject(new Error(`${method} ${path}: no answer`)) : resolve({ status, text }),
    );
    if (body !== undefined) stream.end(JSON.stringify(body));
    return promise;
  }

  /** The body of an answer with status 2xx; throws a Refusal for any other. */
  async ask<T>(method: string, path: string, body?: unknown, contentType?: string): Promise<T> {
    const answer = await this.request(method, path, body, contentType);
    if (answer.status < 200 || answer.status > 299) throw new Refusal(`${method} ${path}`, answer);
    return JSON.parse(answer.text) as T;
  }

  async get<T = KubeObject>(path: string): Promise<T> {
    return this.ask<T>('GET', path);
  }

  /** Makes an object; where it has a status, writes that too, which takes a second request. */
  async create(object: KubeObject): Promise<KubeObject> {
    const { apiVersion, kind, metadata } = object;
    const made = await this.ask<KubeObject>(
      'POST',
      collectionPath(apiVersion, kind, metadata.namespace),
      object,
    );
    return object['status'] === undefined ? made : this.patchStatus(object, object['status']);
  }

  /** Merges into an object. */
  async patch(object: KubeObject, change: unknown): Promise<KubeObject> {
    return this.ask('PATCH', objectPath(object), change, MERGE);
  }

  /** Merges into the status of an object, as a kubelet or a controller does. */
  async patchStatus(object: KubeObject, status: unknown): Promise<KubeObject> {
    return this.ask('PATCH', `${objectPath(object)}/status`, { status }, MERGE);
  }

  /** Deletes at once; with `graceSeconds` a pod on a node stays as terminating until it is deleted again with 0. */
  async remove(object: KubeObject, graceSeconds = 0): Promise<void> {
    await this.ask('DELETE', objectPath(object), { gracePeriodSeconds: graceSeconds });
  }

  /** A namespace that pods can be made in: their service account is the work of a controller that does not run. */
  async namespace(name: string): Promise<void> {
    await this.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
    await this.create({
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { name: 'default', namespace: name },
    });
  }

  close(): void {
    for (const session of this.#sessions) session?.destroy();
  }

  #session(): ClientHttp2Session {
    const place = this.#next++ % CONNECTIONS;
    const open = this.#sessions[place];
    if (open && !open.destroyed && !open.closed) return open;
    const session = connect(this.#url, { ca: this.#ca });
    session.on('error', () => {}); // its requests fail by it, and tell
    session.on('close', () => {
      if (this.#sessions[place] === session) this.#sessions[place] = null;
    });
    session.unref();
    this.#sessions[place] = session;
    return session;
  }
}

/** Does the work of 0 to count - 1, many at once. */
export async function inParallel(count: number, work: (i: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: Math.min(IN_FLIGHT, count) }, worker));
}

function reasonOf(text: string): string {
  try {
    return (JSON.parse(text) as KubeStatus).reason;
  } catch {
    return '';
  }
}
