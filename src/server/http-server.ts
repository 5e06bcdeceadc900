import { createServer, type Server } from 'node:http';
import { duplexPair } from 'node:stream';
import { finished } from 'node:stream/promises';
import { createAdaptorServer } from '@hono/node-server';
import { NetcError } from '../util/errors.ts';
import type { AgentPort } from './agent-port.ts';
import { type AppOptions, createApp } from './app.ts';
import { Connections } from './connections.ts';
import { formatListen, isLoopback, type ListenAddress } from './listen-address.ts';

const MAX_HEADER_BYTES = 8 * 1024;
/** From the first byte of a request to the last of its headers. */
const HEADERS_TIMEOUT_MS = 5_000;
/** How often Node looks for requests that take too long. */
const TIMEOUT_CHECK_MS = 1_000;
/** A connection between two requests: longer than the usual scrape intervals, so that scrapers keep theirs. */
const IDLE_TIMEOUT_MS = 75_000;
/** From the request to the last byte of its answer: no scraper waits longer, and what it holds is memory. */
const ANSWER_TIMEOUT_MS = 30_000;
/** What answers under way get when the server closes. */
const CLOSE_GRACE_MS = 500;

/** Limits that tests make shorter. */
export interface Timeouts {
  readonly headersMs?: number;
  readonly answerMs?: number;
}

/** A server that listens. */
export interface HttpServer extends AsyncDisposable {
  /** Where it listens in fact: the port too, where 0 was asked for. */
  readonly address: ListenAddress;
  /** Stops listening, lets answers under way end for half a second, then ends every connection. Idempotent. */
  close(): Promise<void>;
}

function listenError(error: NodeJS.ErrnoException, listen: ListenAddress): NetcError {
  const address = formatListen(listen);
  if (error.code === 'EADDRINUSE') return new NetcError('E_PORT_TAKEN', { address }, { cause: error });
  const reasons: Record<string, string> = {
    EACCES: 'permission denied',
    EADDRNOTAVAIL: 'no interface of this machine has the address',
    ENOTFOUND: 'the host name is not known',
    EAFNOSUPPORT: 'the kernel has no such address family',
  };
  const reason = reasons[error.code ?? ''] ?? error.code ?? error.message;
  return new NetcError('E_LISTEN', { address, reason }, { cause: error });
}

async function startListening(server: Server, listen: ListenAddress): Promise<ListenAddress> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen({ port: listen.port, ...(listen.host !== '' && { host: listen.host }) }, resolve);
  try {
    await promise;
  } catch (error) {
    throw listenError(error as NodeJS.ErrnoException, listen);
  } finally {
    server.off('error', reject);
  }
  const address = server.address();
  return {
    host: listen.host,
    port: address !== null && typeof address === 'object' ? address.port : listen.port,
  };
}

/**
 * Whether the address can be had: asked before anything is loaded into the kernel for nothing. Errors: E_PORT_TAKEN,
 * E_LISTEN.
 */
export async function checkListen(listen: ListenAddress): Promise<void> {
  const server = createServer();
  await startListening(server, listen);
  await new Promise((resolve) => server.close(resolve));
}

function makeServer(app: ReturnType<typeof createApp>, connections: Connections, timeouts: Timeouts): Server {
  const headersTimeout = timeouts.headersMs ?? HEADERS_TIMEOUT_MS;
  const server = createAdaptorServer({
    fetch: app.fetch,
    overrideGlobalObjects: false, // Request and Response of the process stay Node's own
    createServer,
    serverOptions: {
      headersTimeout,
      requestTimeout: headersTimeout,
      connectionsCheckingInterval: Math.min(TIMEOUT_CHECK_MS, headersTimeout),
      keepAliveTimeout: IDLE_TIMEOUT_MS,
      maxHeaderSize: MAX_HEADER_BYTES,
    },
  }) as Server;
  server.on('connection', (socket) => connections.add(socket));
  server.on('request', (request, response) => {
    const timer = setTimeout(() => request.socket.destroy(), timeouts.answerMs ?? ANSWER_TIMEOUT_MS);
    connections.asked(request.socket);
    timer.unref();
    response.once('close', () => {
      clearTimeout(timer);
      connections.answered(request.socket);
    });
  });
  return server;
}

/** As Prometheus asks. The group `agent` is left out: it tells of what has been since the page before. */
const WARMING_REQUEST = [
  'GET /metrics?collect[]=connections&collect[]=workloads HTTP/1.1',
  'Host: localhost',
  'Accept: application/openmetrics-text;version=1.0.0',
  'Accept-Encoding: gzip',
  'Connection: close',
];

/**
 * Answers one scrape that nobody has made, without a socket: code that has never run is compiled before somebody waits
 * for it. Pages and errors of it are not told.
 */
export async function warmUp(port: AgentPort): Promise<void> {
  const [scraper, connection] = duplexPair();
  makeServer(createApp(port), new Connections(() => {}), {}).emit('connection', connection);
  scraper.write(`${WARMING_REQUEST.join('\r\n')}\r\n\r\n`);
  await finished(scraper.resume(), { writable: false });
  scraper.destroy();
}

/**
 * Starts the agent's HTTP server. On a loopback address it answers only requests for a local name.
 * Errors: E_PORT_TAKEN, E_LISTEN.
 */
export async function startServer(
  port: AgentPort,
  listen: ListenAddress,
  options: Omit<AppOptions, 'localOnly'> = {},
  timeouts: Timeouts = {},
): Promise<HttpServer> {
  const connections = new Connections((reason) => options.onRefused?.(reason));
  const app = createApp(port, { ...options, localOnly: isLoopback(listen) });
  const server = makeServer(app, connections, timeouts);
  const address = await startListening(server, listen);
  server.on('error', (error) => options.onError?.(error));
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closing ??= new Promise((resolve) => {
      const timer = setTimeout(() => server.closeAllConnections(), CLOSE_GRACE_MS);
      server.close(() => {
        clearTimeout(timer);
        resolve();
      });
    });
    return closing;
  };
  return { address, close, [Symbol.asyncDispose]: close };
}
