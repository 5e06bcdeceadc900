import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { ApiConfig } from '../../../../src/cluster/api/api-config.ts';

export interface Thing {
  readonly metadata: { readonly uid: string; readonly name: string; readonly resourceVersion: string };
  readonly value: string;
}

export type RequestKind = 'list' | 'watch' | 'stream' | 'other';
type Handler = (response: ServerResponse, url: URL, request: IncomingMessage) => void;

interface Watcher {
  readonly response: ServerResponse;
  silent: boolean;
}

/** A request as the server saw it. */
export interface Seen {
  readonly kind: RequestKind;
  readonly url: URL;
  readonly headers: IncomingMessage['headers'];
  readonly atMs: number;
  readonly socket: Socket;
}

export const THINGS = '/api/v1/things';

export function status(code: number, message = '', retryAfterSeconds?: number): Record<string, unknown> {
  const details = retryAfterSeconds === undefined ? {} : { details: { retryAfterSeconds } };
  return { kind: 'Status', apiVersion: 'v1', status: 'Failure', code, message, ...details };
}

/** An API server of one resource, as hostile as it is told to be. */
export class FakeApi implements AsyncDisposable {
  readonly seen: Seen[] = [];
  /** Has streaming lists; else 422. */
  streams = true;
  /** All that it has, by UID. */
  readonly things = new Map<string, Thing>();
  readonly #server: Server;
  readonly #watchers = new Set<Watcher>();
  readonly #sockets = new Set<Socket>();
  /** What the next requests of a kind are answered, before the usual. */
  readonly #next = new Map<RequestKind, Handler[]>();
  readonly #snapshots = new Map<string, readonly Thing[]>();
  #log: { version: number; type: string; thing: Thing }[] = [];
  #version = 100;
  /** Versions before are no longer kept. */
  #oldest = 100;
  #uids = 0;

  private constructor() {
    this.#server = createServer((request, response) => this.#serve(request, response));
    this.#server.keepAliveTimeout = 0; // it ends no idle connection by itself: clients must
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => this.#sockets.delete(socket));
    });
  }

  static async start(port = 0): Promise<FakeApi> {
    const api = new FakeApi();
    await new Promise<void>((resolve) => void api.#server.listen(port, '127.0.0.1', resolve));
    return api;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get config(): ApiConfig {
    return plainConfig(`http://127.0.0.1:${this.port}`);
  }

  get connections(): number {
    return this.#sockets.size;
  }

  get watchers(): number {
    return this.#watchers.size;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => void this.#server.close(resolve));
  }

  count(kind: RequestKind): number {
    return this.seen.filter((each) => each.kind === kind).length;
  }

  /** Answers the next request of the kind so, then the usual. */
  once(kind: RequestKind, handler: Handler): void {
    this.#next.set(kind, [...(this.#next.get(kind) ?? []), handler]);
  }

  fail(kind: RequestKind, code: number, headers: Record<string, string> = {}, message = 'no'): void {
    this.once(kind, (response) => {
      response.writeHead(code, { 'Content-Type': 'application/json', ...headers });
      response.end(JSON.stringify(status(code, message)));
    });
  }

  add(name: string, value = name): Thing {
    return this.#change('ADDED', `uid-${++this.#uids}-${name}`, name, value);
  }

  modify(thing: Thing, value: string): Thing {
    return this.#change('MODIFIED', thing.metadata.uid, thing.metadata.name, value);
  }

  remove(thing: Thing): void {
    const { uid, name } = thing.metadata;
    this.#change('DELETED', uid, name, thing.value);
  }

  bookmark(): void {
    const metadata = { resourceVersion: String(this.#version) };
    this.raw(`${JSON.stringify({ type: 'BOOKMARK', object: { metadata } })}\n`);
  }

  error(code: number, retryAfterSeconds?: number): void {
    this.raw(
      `${JSON.stringify({ type: 'ERROR', object: status(code, 'an error event', retryAfterSeconds) })}\n`,
    );
  }

  /** Writes to all watches. */
  raw(text: string): void {
    for (const watcher of this.#watchers) if (!watcher.silent) watcher.response.write(text);
  }

  /** The watches that are open now stay open and tell nothing more. */
  silence(): void {
    for (const watcher of this.#watchers) watcher.silent = true;
  }

  /** Ends the watches: cleanly, or by a reset. */
  end(how: 'cleanly' | 'reset'): void {
    for (const { response } of this.#watchers) {
      if (how === 'cleanly') response.end();
      else response.socket?.resetAndDestroy();
    }
    this.#watchers.clear();
  }

  /** Forgets the past: older versions are 410 from now on. */
  compact(): void {
    this.#version++;
    this.#oldest = this.#version;
    this.#log = [];
    this.#snapshots.clear();
  }

  values(): Record<string, string> {
    return Object.fromEntries([...this.things].map(([uid, thing]) => [uid, thing.value]));
  }

  #change(type: string, uid: string, name: string, value: string): Thing {
    const version = ++this.#version;
    const thing = { metadata: { uid, name, resourceVersion: String(version) }, value };
    if (type === 'DELETED') this.things.delete(uid);
    else this.things.set(uid, thing);
    this.#log.push({ version, type, thing });
    this.raw(`${JSON.stringify({ type, object: thing })}\n`);
    return thing;
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? '/', 'http://fake');
    const kind = kindOf(url);
    this.seen.push({ kind, url, headers: request.headers, atMs: performance.now(), socket: request.socket });
    response.on('error', () => undefined);
    const handler = this.#next.get(kind)?.shift();
    if (handler !== undefined) return handler(response, url, request);
    if (kind === 'list') return this.#list(url, response);
    if (kind === 'stream') return this.#stream(response);
    if (kind === 'watch') return this.#watch(url, response);
    answer(response, 404, status(404, 'not found'));
  }

  #list(url: URL, response: ServerResponse): void {
    const limit = Number(url.searchParams.get('limit') ?? Infinity);
    const token = url.searchParams.get('continue');
    const [version = String(this.#version), from = '0'] = token?.split('.') ?? [];
    const things = token === null ? [...this.things.values()] : this.#snapshots.get(version);
    if (things === undefined) return answer(response, 410, status(410, 'The provided continue is too old'));
    this.#snapshots.set(version, things);
    const end = Number(from) + limit;
    const metadata = {
      resourceVersion: version,
      ...(end < things.length && { continue: `${version}.${end}` }),
    };
    answer(response, 200, { kind: 'ThingList', metadata, items: things.slice(Number(from), end) });
  }

  #stream(response: ServerResponse): void {
    if (!this.streams) return answer(response, 422, status(422, 'sendInitialEvents is forbidden'));
    response.writeHead(200, { 'Content-Type': 'application/json' });
    for (const object of this.things.values()) {
      response.write(`${JSON.stringify({ type: 'ADDED', object })}\n`);
    }
    const metadata = {
      resourceVersion: String(this.#version),
      annotations: { 'k8s.io/initial-events-end': 'true' },
    };
    response.write(`${JSON.stringify({ type: 'BOOKMARK', object: { metadata } })}\n`);
    this.follow(response);
  }

  #watch(url: URL, response: ServerResponse): void {
    const from = Number(url.searchParams.get('resourceVersion'));
    if (from < this.#oldest) return answer(response, 410, status(410, 'too old resource version'));
    response.writeHead(200, { 'Content-Type': 'application/json' });
    response.flushHeaders();
    for (const { version, type, thing } of this.#log) {
      if (version > from) response.write(`${JSON.stringify({ type, object: thing })}\n`);
    }
    this.follow(response);
  }

  /** What changes from now on goes to the response too. */
  follow(response: ServerResponse): void {
    const watcher = { response, silent: false };
    this.#watchers.add(watcher);
    response.on('close', () => this.#watchers.delete(watcher));
  }
}

function kindOf(url: URL): RequestKind {
  if (url.pathname !== THINGS) return 'other';
  if (url.searchParams.get('watch') !== 'true') return 'list';
  return url.searchParams.get('sendInitialEvents') === 'true' ? 'stream' : 'watch';
}

export function answer(response: ServerResponse, code: number, body: unknown): void {
  response.writeHead(code, { 'Content-Type': 'application/json' });
  response.end(JSON.stringify(body));
}

export function plainConfig(url: string, authorization: string | null = null): ApiConfig {
  return {
    server: new URL(url),
    describe: 'a test',
    serverName: undefined,
    skipTlsVerify: false,
    credentials: () => Promise.resolve({ ca: undefined, cert: undefined, key: undefined, authorization }),
  };
}
