import type { JsonObject } from '../../util/json-object.ts';
import type { ApiClient, Connection } from './api-client.ts';
import { ApiError, asApiError } from './api-error.ts';
import { eventLoop } from '../../util/turns.ts';
import { consume } from './consume.ts';
import { ListScanner } from './list-scanner.ts';
import { MAX_OBJECT_BYTES } from './limits.ts';
import { parseItem, type RawObject } from './watch-event.ts';

/** As client-go: the server keeps a page in memory while it is made. */
const PAGE = 500;
/** Pages twice; then as a whole, which does not expire. */
const ATTEMPTS = 3;

export interface ListRequest {
  readonly client: ApiClient;
  readonly connection: Connection;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  /** The server begins to answer; what came before, if anything did, was of a list that is void. */
  readonly begin: () => void;
  readonly item: (raw: RawObject) => void;
}

/**
 * A consistent list in pages of 500, each object given to `item` as it arrives. Answers the list's resourceVersion.
 *
 * Where the server no longer has the version that the next page is of (410), the API concepts ("Retrieving large results
 * sets in chunks") leave two ways: from the beginning, or without a limit. The rest at another version, which the answer
 * offers too, would be no consistent list. So: once more from the beginning, then without a limit.
 */
export async function pagedList(request: ListRequest): Promise<string> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await pages(request, attempt === ATTEMPTS ? {} : { limit: String(PAGE) });
    } catch (error) {
      if (attempt === ATTEMPTS || asApiError(error).kind !== 'gone') throw error;
    }
  }
}

async function pages(request: ListRequest, limit: Readonly<Record<string, string>>): Promise<string> {
  let token = '';
  for (;;) {
    const next = token === '' ? {} : { continue: token };
    const query = { ...request.query, ...limit, ...next };
    const { resourceVersion, continueToken } = await page(request, query, token === '');
    if (continueToken === '') return resourceVersion;
    if (continueToken === token) throw new ApiError('garbled', 'a list goes on with the same page');
    token = continueToken;
  }
}

interface PageEnd {
  readonly resourceVersion: string;
  readonly continueToken: string;
}

async function page(
  request: ListRequest,
  query: Readonly<Record<string, string>>,
  isFirst: boolean,
): Promise<PageEnd> {
  const { client, connection, path, signal } = request;
  const scanner = new ListScanner(MAX_OBJECT_BYTES);
  const parts = await client.stream({ path, query, verb: 'list', connection, signal });
  if (isFirst) request.begin();
  await consume(parts, scanner, eventLoop, (text) => {
    signal.throwIfAborted();
    request.item(parseItem(text));
  });
  const metadata = (scanner.end()['metadata'] ?? {}) as JsonObject;
  const { resourceVersion, continue: continueToken } = metadata;
  if (typeof resourceVersion !== 'string' || resourceVersion === '') {
    throw new ApiError('garbled', 'a list without a resourceVersion');
  }
  return { resourceVersion, continueToken: typeof continueToken === 'string' ? continueToken : '' };
}
