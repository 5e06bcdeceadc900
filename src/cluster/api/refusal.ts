import type { IncomingMessage } from 'node:http';
import type { Credentials } from './api-config.ts';
import { ApiError, kindOfStatus } from './api-error.ts';
import { resourceOf, resourceText } from './resource.ts';
import { readStatus, retryAfterMs, type Status } from './status.ts';

const MAX_STATUS_BYTES = 64 * 1024;

/** What was asked: for the text. */
export interface Asked {
  readonly verb: string;
  readonly path: string;
}

/** An answer that is not 2xx, as an error with what the server says about it. Reads the body to its end. Never throws. */
export async function refusal(
  asked: Asked,
  response: IncomingMessage,
  parts: AsyncIterable<Buffer>,
  credentials: Credentials,
): Promise<ApiError> {
  const code = response.statusCode ?? 0;
  const status = await readBody(parts);
  return new ApiError(
    kindOfStatus(code),
    refusalText(code, asked, withoutSecret(status?.message ?? '', credentials)),
    {
      status: code,
      retryAfterMs: retryAfterMs(response.headers['retry-after']) ?? status?.retryAfterMs ?? null,
    },
  );
}

/** What a status means to the operator, on one line. `message` is what the server said of it, or ''. */
export function refusalText(status: number, { verb, path }: Asked, message: string): string {
  const resource = resourceOf(path);
  if (status === 403 && resource !== null) return `ClusterRole needs: ${verb} ${resourceText(resource)}`;
  if (status === 401) return 'the API server does not accept our credentials (401)';
  return `${verb} ${path}: ${status}${message === '' ? '' : ` ${message}`}`;
}

async function readBody(parts: AsyncIterable<Buffer>): Promise<Status | null> {
  const read: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const part of parts) {
      bytes += part.length;
      if (bytes > MAX_STATUS_BYTES) return null;
      read.push(part);
    }
    return readStatus(JSON.parse(Buffer.concat(read).toString('utf8')));
  } catch {
    return null; // the status line says enough
  }
}

/** A server (or what stands before it) may repeat what it was sent. */
function withoutSecret(text: string, { authorization }: Credentials): string {
  const secret = authorization?.split(' ').at(-1) ?? '';
  return secret.length < 4 ? text : text.replaceAll(secret, '(secret)');
}
