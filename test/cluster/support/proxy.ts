import { readFileSync } from 'node:fs';
import { Agent, createServer, request as httpsRequest, type Server } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';
import type { ApiServer } from './api-server.ts';
import { spoil, type Fault } from './fault.ts';

/** Requests that are remembered; the oldest go first. */
const REQUESTS_MAX = 10_000;

/** What was asked, and what went back. */
export interface ProxiedRequest {
  readonly method: string;
  /** With the query. */
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly startedMs: number;
  /** 0 until there is an answer. */
  status: number;
  /** Of the body, as sent. */
  bytes: number;
  done: boolean;
}

type Match = (request: ProxiedRequest) => boolean;

interface Injection {
  readonly match: Match;
  readonly fault: Fault;
  left: number;
}

/**
 * Stands before an API server, with a certificate of the same authority: to a client it is the server. It reads HTTP in
 * the clear, so that it can spoil single requests: see fault.ts. HTTP/1.1 only.
 */
export class Proxy {
  /** The requests so far. */
  readonly requests: ProxiedRequest[] = [];
  readonly url: string;
  readonly #upstream: ApiServer;
  readonly #server: Server;
  readonly #agent = new Agent({ keepAlive: true });
  /** Below TLS, which cannot be reset; by the port of the client. */
  readonly #sockets = new Map<number, Socket>();
  #injections: Injection[] = [];

  private constructor(upstream: ApiServer, server: Server, port: number) {
    this.#upstream = upstream;
    this.#server = server;
    this.url = `https://127.0.0.1:${port}`;
  }

  static async start(upstream: ApiServer): Promise<Proxy> {
    const [key, cert] = ['api.key', 'api.crt'].map((name) => readFileSync(join(upstream.folder, name)));
    const server = createServer({ key, cert, ALPNProtocols: ['http/1.1'], keepAliveTimeout: 60_000 });
    const port = await listen(server, 0);
    const proxy = new Proxy(upstream, server, port);
    server.on('connection', (socket: Socket) => {
      const from = socket.remotePort ?? 0;
      proxy.#sockets.set(from, socket);
      socket.on('close', () => proxy.#sockets.delete(from));
      socket.on('error', () => {}); // a client may go as it likes
    });
    server.on('tlsClientError', () => {});
    server.on('request', (request, response) => proxy.#handle(request, response));
    return proxy;
  }

  /** Spoils what matches, so many times: later injections win. Without `match`: every request. */
  inject(
    fault: Fault,
    { match = () => true, times = Infinity }: { match?: Match; times?: number } = {},
  ): void {
    this.#injections.unshift({ match, fault, left: times });
  }

  /** From now on requests go through unspoiled; those under way stay as they are. */
  heal(): void {
    this.#injections = [];
  }

  /** Resets all connections. */
  cut(): void {
    for (const port of this.#sockets.keys()) this.#reset(port);
  }

  /** Connections are refused, and the open ones are reset, until listenAgain(). */
  async refuse(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.cut();
    await closed;
  }

  async listenAgain(): Promise<void> {
    await listen(this.#server, Number(new URL(this.url).port));
  }

  /** Bytes of bodies that went to clients so far. */
  get bytes(): number {
    return this.requests.reduce((sum, request) => sum + request.bytes, 0);
  }

  get connections(): number {
    return this.#sockets.size;
  }

  async close(): Promise<void> {
    this.#agent.destroy();
    if (this.#server.listening) await this.refuse();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #reset(port: number): void {
    this.#sockets.get(port)?.resetAndDestroy();
  }

  #handle(request: IncomingMessage, response: ServerResponse): void {
    const { method = '', url = '', headers } = request;
    const seen = { method, url, headers, startedMs: performance.now(), status: 0, bytes: 0, done: false };
    if (this.requests.push(seen) > REQUESTS_MAX) this.requests.shift();
    response.on('error', () => {});
    response.on('close', () => (seen.done = true));
    const fault = this.#faultOf(seen);
    if (fault?.kind === 'hang') return;
    if (fault?.kind === 'status') {
      seen.status = fault.status;
      response.writeHead(fault.status, fault.headers).end(fault.body ?? '');
      return;
    }
    const pass = (): void => this.#pass(request, response, seen, fault);
    if (fault?.kind === 'delay') setTimeout(pass, fault.ms);
    else pass();
  }

  #faultOf(seen: ProxiedRequest): Fault | null {
    const found = this.#injections.find(({ match, left }) => left > 0 && match(seen));
    if (found === undefined) return null;
    found.left--;
    return found.fault;
  }

  #pass(request: IncomingMessage, response: ServerResponse, seen: ProxiedRequest, fault: Fault | null): void {
    const options = { method: seen.method, headers: seen.headers, ca: this.#upstream.ca, agent: this.#agent };
    const upstream = httpsRequest(`${this.#upstream.url}${seen.url}`, options, (answer) => {
      seen.status = answer.statusCode ?? 0;
      response.writeHead(seen.status, withoutLength(answer.headers, fault));
      response.flushHeaders();
      const body = spoil(fault, answer, () => this.#reset(request.socket.remotePort ?? 0));
      body.on('data', (part: Buffer) => (seen.bytes += part.length));
      body.on('error', () => response.destroy());
      answer.on('error', () => response.destroy()); // the server went in the middle of it
      body.pipe(response);
    });
    upstream.on('error', () => request.socket.destroy());
    response.on('close', () => upstream.destroy());
    request.pipe(upstream);
  }
}

/** A spoiled body has another length than the one announced. */
function withoutLength(headers: IncomingMessage['headers'], fault: Fault | null): IncomingMessage['headers'] {
  if (fault === null || fault.kind === 'delay') return headers;
  const { 'content-length': _, ...rest } = headers;
  return rest;
}

async function listen(server: Server, port: number): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  server.once('error', reject);
  server.listen(port, '127.0.0.1', () => {
    server.off('error', reject);
    resolve((server.address() as AddressInfo).port);
  });
  return promise;
}
