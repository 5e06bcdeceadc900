import { Agent as HttpAgent, type IncomingMessage, request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest, type RequestOptions } from 'node:https';
import type { SecureContext } from 'node:tls';
import { eventLoop } from '../../util/turns.ts';
import type { ApiConfig, Credentials } from './api-config.ts';
import { ApiError, asApiError } from './api-error.ts';
import { ByteCounters } from './byte-counters.ts';
import { refusal } from './refusal.ts';
import { TlsContext } from './tls-context.ts';

/** Milliseconds; tests make them shorter. */
export interface ApiTimeouts {
  /** TCP and TLS. */
  readonly connectMs: number;
  /** From the request to the headers of its answer. API servers that are busy take ten seconds and more. */
  readonly headersMs: number;
  /** Between two parts of a body. */
  readonly stallMs: number;
}

const TIMEOUTS: ApiTimeouts = { connectMs: 10_000, headersMs: 30_000, stallMs: 30_000 };
/** Finds a peer that is gone without a word in 40 s: Linux then asks each second, ten times (libuv's settings). */
const TCP_KEEPALIVE_MS = 30_000;
/** The longest body that is read as a whole: a Status, the metadata of an owner, a discovery document. */
const MAX_BODY_BYTES = 4 * 1024 * 1024;

/** One TCP connection, kept alive; requests on it go one after the other. */
export type Connection = HttpAgent;

export interface ApiRequest {
  /** From the root of the API: /api/v1/pods */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  /** For the message of a 403: get, list, watch, create. */
  readonly verb: string;
  readonly accept?: string;
  /** Sent as JSON, by POST. */
  readonly body?: unknown;
  /** Default: that of all requests that name none. */
  readonly connection?: Connection;
  readonly signal?: AbortSignal;
  /** Instead of the client's; Infinity: no limit. */
  readonly headersMs?: number;
  readonly stallMs?: number;
}

export interface ApiClientOptions {
  /** For User-Agent: kube-netc/VERSION. */
  readonly version: string;
  readonly timeouts?: Partial<ApiTimeouts>;
}

/**
 * Asks the API server over HTTP/1.1: one connection for requests, and one for each Reflector, all kept alive.
 *
 * It asks for no gzip. The API server does not compress watches and streaming lists, which is nearly all that we read;
 * paged lists it would (at 128 KiB and more), at the cost of its CPU and ours, on a network where bytes are cheap.
 */
export class ApiClient {
  readonly config: ApiConfig;
  /** Body bytes and requests by resource. */
  readonly received = new ByteCounters();
  readonly #tls = new TlsContext(eventLoop);
  readonly #userAgent: string;
  readonly #timeouts: ApiTimeouts;
  readonly #requests: Connection;
  /** One for requests and one for each Reflector. */
  readonly #connections = new Set<Connection>();

  constructor(config: ApiConfig, options: ApiClientOptions) {
    this.config = config;
    this.#userAgent = `kube-netc/${options.version}`;
    this.#timeouts = { ...TIMEOUTS, ...options.timeouts };
    this.#requests = this.connect();
  }

  /** A connection of one's own; it is made with the first request. */
  connect(): Connection {
    const options = { keepAlive: true, maxSockets: 1, maxFreeSockets: 1 };
    const connection = this.#secure ? new HttpsAgent(options) : new HttpAgent(options);
    this.#connections.add(connection);
    return connection;
  }

  /** Ends a connection of connect(), and what is under way on it. */
  disconnect(connection: Connection): void {
    connection.destroy();
    this.#connections.delete(connection);
  }

  /** Ends every connection. */
  close(): void {
    for (const connection of this.#connections) this.disconnect(connection);
  }

  /**
   * The body of an answer 200 or 201, as it arrives. Not reading it to its end ends the connection.
   * Throws ApiError for every other answer, and for none; the body throws ApiError too.
   */
  async stream(ask: ApiRequest): Promise<AsyncIterable<Buffer>> {
    const first = await this.#credentials(false);
    const response = await this.#sendOrAgain(ask, first);
    if (response.statusCode !== 401) return this.#body(ask, response, first);
    const refused = await refusal(ask, response, this.#parts(ask, response), first);
    // The token may have been replaced since we read it: look again, and ask again if it was.
    const second = await this.#credentials(true);
    if (second.authorization === first.authorization && second.cert === first.cert) throw refused;
    return this.#body(ask, await this.#sendOrAgain(ask, second), second);
  }

  /** The whole body of an answer, parsed. Throws ApiError. */
  async json(ask: ApiRequest): Promise<unknown> {
    const parts: Buffer[] = [];
    let bytes = 0;
    for await (const part of await this.stream(ask)) {
      bytes += part.length;
      if (bytes > MAX_BODY_BYTES)
        throw new ApiError('too_large', `an answer of more than ${MAX_BODY_BYTES} bytes`);
      parts.push(part);
    }
    try {
      return JSON.parse(Buffer.concat(parts).toString('utf8'));
    } catch (error) {
      throw new ApiError('garbled', `what ${ask.path} answers is no JSON`, { cause: error });
    }
  }

  async #credentials(refused: boolean): Promise<Credentials> {
    try {
      return await this.config.credentials(refused);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new ApiError('credentials', reason, { cause: error });
    }
  }

  /** A server may close an idle connection while our request is on its way: ask once more, on a new one. */
  async #sendOrAgain(ask: ApiRequest, credentials: Credentials): Promise<IncomingMessage> {
    const context = this.#secure ? await this.#context(credentials) : null;
    const options = this.#options(ask, credentials, context);
    await eventLoop.next(); // a first request, and TLS, are long: several that begin together take a turn each
    const attempt = { reused: false };
    try {
      return await this.#send(ask, options, attempt);
    } catch (error) {
      if (!attempt.reused || asApiError(error).kind !== 'reset' || ask.signal?.aborted === true) throw error;
      return await this.#send(ask, options, attempt);
    }
  }

  async #context(credentials: Credentials): Promise<SecureContext> {
    try {
      return await this.#tls.for(credentials);
    } catch (error) {
      throw asApiError(error);
    }
  }

  #send(ask: ApiRequest, options: RequestOptions, attempt: { reused: boolean }): Promise<IncomingMessage> {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const secure = this.#secure;
    const request = (secure ? httpsRequest : httpRequest)(options);
    let timer: NodeJS.Timeout | undefined;
    const within = (ms: number, what: string): void => {
      clearTimeout(timer);
      if (ms === Infinity) return;
      timer = setTimeout(() => request.destroy(new ApiError('timeout', `no ${what} after ${ms} ms`)), ms);
    };
    const headersMs = ask.headersMs ?? this.#timeouts.headersMs;
    const abort = (): void => void request.destroy(stopped(ask.signal));
    request.on('socket', (socket) => {
      socket.setKeepAlive(true, TCP_KEEPALIVE_MS);
      attempt.reused = request.reusedSocket;
      if (request.reusedSocket) return within(headersMs, 'answer');
      within(this.#timeouts.connectMs, 'connection');
      socket.once(secure ? 'secureConnect' : 'connect', () => within(headersMs, 'answer'));
    });
    request.on('response', resolve);
    request.on('error', (error) => reject(asApiError(error)));
    if (ask.signal?.aborted === true) abort();
    ask.signal?.addEventListener('abort', abort);
    request.end(ask.body === undefined ? undefined : JSON.stringify(ask.body));
    return promise.finally(() => {
      clearTimeout(timer);
      ask.signal?.removeEventListener('abort', abort);
    });
  }

  get #secure(): boolean {
    return this.config.server.protocol === 'https:';
  }

  /** Credentials stand beside the context that is made of them, for connections with others are not to be used again. */
  #options(ask: ApiRequest, credentials: Credentials, context: SecureContext | null): RequestOptions {
    const { server, serverName, skipTlsVerify } = this.config;
    const { ca, cert, key, authorization } = credentials;
    const query = ask.query === undefined ? '' : `?${new URLSearchParams(ask.query).toString()}`;
    return {
      agent: ask.connection ?? this.#requests,
      method: ask.body === undefined ? 'GET' : 'POST',
      hostname: server.hostname.replace(/^\[(.*)\]$/, '$1'),
      port: server.port,
      path: server.pathname.replace(/\/$/, '') + ask.path + query,
      headers: {
        'User-Agent': this.#userAgent,
        Accept: ask.accept ?? 'application/json',
        ...(authorization !== null && { Authorization: authorization }),
        ...(ask.body !== undefined && { 'Content-Type': 'application/json' }),
      },
      ...(context !== null && { secureContext: context }),
      ...(ca !== undefined && { ca }),
      ...(cert !== undefined && { cert }),
      ...(key !== undefined && { key }),
      ...(serverName !== undefined && { servername: serverName }),
      rejectUnauthorized: !skipTlsVerify,
    };
  }

  async #body(
    ask: ApiRequest,
    response: IncomingMessage,
    credentials: Credentials,
  ): Promise<AsyncIterable<Buffer>> {
    const status = response.statusCode ?? 0;
    this.received.request(ask.path);
    const parts = this.#parts(ask, response);
    if (status !== 200 && status !== 201) throw await refusal(ask, response, parts, credentials);
    const type = response.headers['content-type'] ?? '';
    if (!type.startsWith('application/json')) {
      response.destroy();
      throw new ApiError('garbled', `${ask.path} answers ${type === '' ? 'no type' : type} and not JSON`, {
        status,
      });
    }
    return parts;
  }

  async *#parts(ask: ApiRequest, response: IncomingMessage): AsyncGenerator<Buffer> {
    const stallMs = ask.stallMs ?? this.#timeouts.stallMs;
    const stalled = (): void =>
      void response.destroy(new ApiError('timeout', `the answer stopped for ${stallMs} ms`));
    const timer = stallMs === Infinity ? undefined : setTimeout(stalled, stallMs);
    const abort = (): void => void response.destroy(stopped(ask.signal));
    if (ask.signal?.aborted === true) abort();
    ask.signal?.addEventListener('abort', abort);
    try {
      for await (const part of response) {
        timer?.refresh();
        this.received.bytes(ask.path, (part as Buffer).length);
        yield part as Buffer;
      }
    } catch (error) {
      throw asApiError(error);
    } finally {
      clearTimeout(timer);
      ask.signal?.removeEventListener('abort', abort);
    }
  }
}

/** What an abort is told as: the ApiError that it was given, or the end of our wish. */
function stopped(signal: AbortSignal | undefined): ApiError {
  const reason: unknown = signal?.reason;
  return reason instanceof ApiError ? reason : new ApiError('ended', 'stopped');
}
