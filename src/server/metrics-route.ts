import type { HttpBindings } from '@hono/node-server';
import type { Context } from 'hono';
import { type Group, GROUPS } from '../expose/metric.ts';
import { negotiateEncoding, negotiateFormat } from '../expose/negotiate.ts';
import { CONTENT_TYPES } from '../expose/page.ts';
import { printable } from '../util/escape.ts';
import { Answers } from './answers.ts';
import { Busy, type Encoding, type PageMaker } from './page-maker.ts';
import type { Refusal } from './refusal.ts';
import type { SharedBody } from './shared-body.ts';

/** Requests that may wait for their page at the same time. A node has a scraper or two. */
const MAX_SCRAPES = 64;

/** Under Node the request and the response; in-process requests have none. */
export type Env = { Bindings: Partial<HttpBindings> };

/**
 * The groups that `collect[]=` (or `collect=`) of a query pick: all where there is none.
 * Errors: the first unknown value, as a line to answer with.
 */
export function groupsOf(query: URLSearchParams): ReadonlySet<Group> | string {
  const asked = [...query.getAll('collect[]'), ...query.getAll('collect')];
  const groups = asked.filter((value): value is Group => GROUPS.some((group) => group === value));
  if (groups.length < asked.length) {
    const unknown = asked.find((value) => !GROUPS.some((group) => group === value)) ?? '';
    return `collect[] cannot be "${printable(unknown.slice(0, 40))}": it is ${GROUPS.join(', ')}`;
  }
  return new Set(groups.length === 0 ? GROUPS : groups);
}

/** Calls back once, when Node does not read the response's chunks any more: they are sent, or the connection is gone. */
function whenSent({ incoming, outgoing }: HttpBindings, callback: () => void): void {
  const { socket } = incoming;
  if (outgoing.closed || socket.destroyed) return callback();
  let called = false;
  const done = (): void => {
    if (called) return; // the end of a connection ends its response, and then tells whom it had to tell: us too
    called = true;
    outgoing.off('close', done);
    socket.off('close', done);
    callback();
  };
  outgoing.once('close', done);
  // Up to Node 22 a response that waits behind another one of its connection (pipelining) is not told of its end.
  socket.once('close', done);
}

function answerWith(body: SharedBody, answers: Answers, { incoming, outgoing }: Env['Bindings'] = {}) {
  if (incoming === undefined || outgoing === undefined) {
    const copy = Buffer.concat(body.chunks);
    body.release();
    return copy;
  }
  const read = answers.add(incoming.socket, performance.now());
  whenSent({ incoming, outgoing }, () => {
    read();
    body.release();
  });
  return body.stream();
}

function headersOf(format: keyof typeof CONTENT_TYPES, encoding: Encoding): Record<string, string> {
  return {
    'Content-Type': CONTENT_TYPES[format],
    Vary: 'Accept, Accept-Encoding',
    ...(encoding === 'gzip' && { 'Content-Encoding': 'gzip' }),
  };
}

interface Told {
  /** What broke a page: the scraper is told only that something did. */
  readonly onError: (thrown: unknown) => void;
  readonly onRefused?: (reason: Refusal) => void;
}

/** GET and HEAD of /metrics. */
export function metricsRoute(pages: PageMaker, { onError, onRefused = () => {} }: Told) {
  let scrapes = 0;
  const answers = new Answers();
  /** Where slow readers hold all the memory that there is for pages, the slowest make room. */
  const getPage = async (...asked: Parameters<PageMaker['get']>): Promise<SharedBody> => {
    for (;;) {
      try {
        return await pages.get(...asked);
      } catch (error) {
        if (!(error instanceof Busy) || !(await answers.cutSlowest(performance.now()))) throw error;
      }
    }
  };
  return async (c: Context<Env>): Promise<Response> => {
    const groups = groupsOf(new URL(c.req.url).searchParams);
    if (typeof groups === 'string') return c.text(`${groups}\n`, 400);
    const format = negotiateFormat(c.req.header('accept'));
    const encoding = negotiateEncoding(c.req.header('accept-encoding'));
    const headers = headersOf(format, encoding);
    // No page is made for HEAD, so no Content-Length is told (RFC 9110, 9.3.2 allows that).
    if (c.req.method === 'HEAD') return c.body(null, 200, headers);
    if (scrapes >= MAX_SCRAPES) {
      onRefused('scrapes');
      return c.text(`busy: ${scrapes} scrapes are under way\n`, 503, { 'Retry-After': '1' });
    }
    scrapes++;
    try {
      const body = await getPage(groups, format, encoding);
      headers['Content-Length'] = String(body.byteLength);
      return c.body(answerWith(body, answers, c.env), 200, headers);
    } catch (error) {
      if (error instanceof Busy) {
        onRefused('memory');
        return c.text(`busy: ${error.message}\n`, 503, { 'Retry-After': '1' });
      }
      onError(error);
      return c.text('no page: the agent failed to make it; its log says why\n', 500);
    } finally {
      scrapes--;
    }
  };
}
