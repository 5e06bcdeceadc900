import type { ApiClient, Connection } from './api-client.ts';
import { ApiError } from './api-error.ts';
import { eventLoop } from '../../util/turns.ts';
import { consume } from './consume.ts';
import { MAX_OBJECT_BYTES } from './limits.ts';
import { LineScanner } from './line-scanner.ts';
import { parseEvent, type WatchEvent } from './watch-event.ts';

/** The server may round, and ends a little early. */
const EARLY_MS = 5_000;

export interface WatchRequest {
  readonly client: ApiClient;
  readonly connection: Connection;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  /** How long to ask for. */
  readonly watchMs: number;
  /** Without an event for so long it is ended. */
  readonly silenceMs: number;
  /** Where it begins with a list there are events at once: it is not waited for as long as for a watch. */
  readonly lists: boolean;
  /** The server answers: events will come. */
  readonly opened: () => void;
  /** May take its time: the next one waits. */
  readonly event: (event: WatchEvent) => void | Promise<void>;
}

/**
 * One watch, until its time is over. Throws ApiError for every other end: `silent` where the server tells nothing,
 * `ended` where it closes before the time.
 */
export async function watchOnce(request: WatchRequest): Promise<void> {
  const { client, connection, path, watchMs, silenceMs, signal } = request;
  const silence = new AbortController();
  const timer = setTimeout(
    () => silence.abort(new ApiError('silent', `the watch told nothing for ${silenceMs / 1000} s`)),
    silenceMs,
  );
  const fromMs = performance.now();
  const scanner = new LineScanner(MAX_OBJECT_BYTES);
  try {
    const parts = await client.stream({
      path,
      query: {
        watch: 'true',
        allowWatchBookmarks: 'true',
        timeoutSeconds: String(Math.ceil(watchMs / 1000)),
        ...request.query,
      },
      verb: 'watch',
      connection,
      signal: AbortSignal.any([signal, silence.signal]),
      // proxies may hold the headers back until there is an event
      ...(!request.lists && { headersMs: silenceMs }),
      stallMs: Infinity,
    });
    request.opened();
    await consume(parts, scanner, eventLoop, (line) => {
      signal.throwIfAborted();
      timer.refresh();
      return request.event(parseEvent(line));
    });
    scanner.end();
  } finally {
    clearTimeout(timer);
  }
  if (performance.now() - fromMs >= watchMs - EARLY_MS) return;
  throw new ApiError('ended', 'the server ended the watch before its time');
}
