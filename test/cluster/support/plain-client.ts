import { request } from 'node:https';
import type { IncomingMessage } from 'node:http';
import type { ApiServer } from './api-server.ts';
import type { KubeObject, KubeStatus } from './kube-object.ts';

const LIMIT_MS = 30_000;

export interface PlainAnswer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
}

export interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object: KubeObject & KubeStatus;
}

interface PlainOptions {
  readonly token?: string;
  /** A proxy's. */
  readonly url?: string;
  readonly limitMs?: number;
}

/** One GET by HTTP/1.1, on a connection of its own, to its end. Rejects when it is cut, or not over in time. */
export async function ask(server: ApiServer, path: string, options: PlainOptions = {}): Promise<PlainAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<PlainAnswer>();
  let text = '';
  open(server, path, options, reject, (response, end) => {
    response.on('data', (part: string) => (text += part));
    response.on('error', reject);
    response.on('end', () => {
      end();
      resolve({ status: response.statusCode ?? 0, headers: response.headers, text });
    });
  });
  return promise;
}

/** The events of a watch until one satisfies `last`, that one included. Rejects when it is over before. */
export async function watch(
  server: ApiServer,
  path: string,
  last: (event: WatchEvent) => boolean,
  options: PlainOptions = {},
): Promise<WatchEvent[]> {
  const { promise, resolve, reject } = Promise.withResolvers<WatchEvent[]>();
  const events: WatchEvent[] = [];
  let rest = '';
  open(server, path, options, reject, (response, end) => {
    response.on('data', (part: string) => {
      const lines = `${rest}${part}`.split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const event = JSON.parse(line) as WatchEvent;
        events.push(event);
        if (!last(event)) continue;
        end();
        resolve(events);
        return;
      }
    });
    response.on('error', reject);
    response.on('end', () =>
      reject(new Error(`${response.statusCode}, ended after ${events.length} events: ${rest}`)),
    );
  });
  return promise;
}

function open(
  server: ApiServer,
  path: string,
  { token = server.adminToken, url = server.url, limitMs = LIMIT_MS }: PlainOptions,
  reject: (error: Error) => void,
  use: (response: IncomingMessage, end: () => void) => void,
): void {
  const headers = { authorization: `Bearer ${token}` };
  const asked = request(`${url}${path}`, { ca: server.ca, headers, agent: false }, (response) => {
    response.setEncoding('utf8');
    use(response, () => {
      clearTimeout(timer);
      asked.destroy();
    });
  });
  const timer = setTimeout(() => asked.destroy(new Error(`${path}: not over in ${limitMs} ms`)), limitMs);
  asked.on('error', (error) => {
    clearTimeout(timer);
    reject(error);
  });
  asked.end();
}
