import { Hono, type MiddlewareHandler } from 'hono';
import { printable } from '../util/escape.ts';
import type { AgentPort, Health } from './agent-port.ts';
import { INDEX_HTML } from './index-page.ts';
import { isLocalHost } from './listen-address.ts';
import { type Env, metricsRoute } from './metrics-route.ts';
import type { Refusal } from './refusal.ts';
import { PageMaker, type PageStatistics } from './page-maker.ts';

export interface AppOptions {
  /** Refuse requests whose Host header is a name from the DNS: for a server that listens on a loopback address. */
  readonly localOnly?: boolean;
  /** Told after each page that was made. */
  readonly onPage?: (statistics: PageStatistics) => void;
  /** Told of each request and connection that was turned away. */
  readonly onRefused?: (reason: Refusal) => void;
  /** Told what broke an answer; the client is told only that something did. */
  readonly onError?: (thrown: unknown) => void;
}

/** Answers nothing but GET and HEAD without a body, and only under a name of this machine where that is asked for. */
function guard(localOnly: boolean): MiddlewareHandler<Env> {
  return async (c, next) => {
    c.header('X-Content-Type-Options', 'nosniff');
    c.header('Cache-Control', 'no-store');
    if (c.req.method !== 'GET' && c.req.method !== 'HEAD') {
      return c.text('only GET and HEAD are answered here\n', 405, {
        Allow: 'GET, HEAD',
        Connection: 'close',
      });
    }
    if (
      c.req.header('transfer-encoding') !== undefined ||
      Number(c.req.header('content-length') ?? 0) !== 0
    ) {
      return c.text('a request has no body here\n', 413, { Connection: 'close' });
    }
    const host = c.req.header('host');
    if (localOnly && host !== undefined && !isLocalHost(host)) {
      const name = printable(host.slice(0, 80));
      return c.text(`this agent listens for this machine only, where it is not called "${name}"\n`, 421);
    }
    return next();
  };
}

function readiness({ ready, problems, snapshotAgeMs }: Health): string {
  const age = snapshotAgeMs === null ? 'none yet' : `${Math.round(snapshotAgeMs)} ms ago`;
  const lines = [
    ready ? 'ready' : 'not ready',
    `last snapshot: ${age}`,
    ...problems.map((text) => `problem: ${text}`),
  ];
  return lines.map((line) => `${printable(line)}\n`).join('');
}

/** The routes, without a socket: `app.request('/metrics')` answers in process. */
export function createApp(port: AgentPort, options: AppOptions = {}): Hono<Env> {
  const onError = options.onError ?? (() => {});
  const app = new Hono<Env>();
  app.use(guard(options.localOnly ?? false));
  app.get('/metrics', metricsRoute(new PageMaker(port, options.onPage), { ...options, onError }));
  // That it answers at all says that the event loop lives: a probe that fails here is a reason to restart.
  app.get('/healthz', (c) => c.text('ok\n'));
  app.get('/readyz', (c) => {
    const health = port.health();
    return c.text(readiness(health), health.ready ? 200 : 503);
  });
  app.get('/', (c) => c.html(INDEX_HTML, 200, { 'Content-Security-Policy': "default-src 'none'" }));
  app.notFound((c) => c.text('nothing here; / lists what there is\n', 404));
  app.onError((error, c) => {
    onError(error);
    return c.text('the agent failed to answer; its log says why\n', 500);
  });
  return app;
}
