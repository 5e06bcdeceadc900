import { printable } from '../../util/escape.ts';

/** What went wrong between us and the API server: the values of a metric's label, so few and fixed. */
export const API_ERROR_KINDS = [
  'dns', // the server's name is not known
  'connect', // refused, unreachable
  'tls', // its certificate, or ours
  'timeout', // it accepts and does not answer, or stops within an answer
  'reset', // the connection ended within an answer
  'credentials', // our token or certificate cannot be read
  'unauthorized', // 401
  'forbidden', // 403
  'not_found', // 404
  'gone', // 410: the version asked for is no longer kept
  'throttled', // 429
  'refused', // other 4xx
  'server', // 5xx
  'garbled', // not what the API promises: half JSON, another type
  'too_large', // an object over the limit
  'silent', // a watch that says nothing
  'ended', // a watch that the server closed before its time
  'projection', // an object that our projection does not understand
] as const;

export type ApiErrorKind = (typeof API_ERROR_KINDS)[number];

const MAX_TEXT = 300;

export interface ApiErrorDetails {
  /** HTTP status, or the code of a Status object; 0: there was none. */
  readonly status?: number;
  /** The server asks to be left alone for so long; null: it did not. */
  readonly retryAfterMs?: number | null;
  readonly cause?: unknown;
}

/** A request or a watch that failed. Its message is one line, printable, and without secrets. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly kind: ApiErrorKind;
  readonly status: number;
  readonly retryAfterMs: number | null;

  constructor(kind: ApiErrorKind, message: string, details: ApiErrorDetails = {}) {
    super(printable(message.length > MAX_TEXT ? `${message.slice(0, MAX_TEXT)}...` : message), {
      cause: details.cause,
    });
    this.kind = kind;
    this.status = details.status ?? 0;
    this.retryAfterMs = details.retryAfterMs ?? null;
  }
}

const STATUS_KINDS: Readonly<Record<number, ApiErrorKind>> = {
  401: 'unauthorized',
  403: 'forbidden',
  404: 'not_found',
  410: 'gone',
  429: 'throttled',
};

/** The kind of a status that is not 2xx. */
export function kindOfStatus(status: number): ApiErrorKind {
  return STATUS_KINDS[status] ?? (status >= 500 ? 'server' : 'refused');
}

const CODES: readonly (readonly [RegExp, ApiErrorKind])[] = [
  [/^(ENOTFOUND|EAI_)/, 'dns'],
  [/^(ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL|EACCES|EPERM|EMFILE|ENFILE)$/, 'connect'],
  [/^ETIMEDOUT$/, 'timeout'],
  [/^HPE_/, 'garbled'],
  [/CERT|TLS|SSL|SELF_SIGNED|ISSUER|UNABLE_TO|CRL|INVALID_|HOSTNAME|EPROTO|OSSL/, 'tls'],
];

/** What node:https threw, as an ApiError. Its texts have names and addresses in them, and no headers. */
export function asApiError(thrown: unknown): ApiError {
  if (thrown instanceof ApiError) return thrown;
  const error = thrown as NodeJS.ErrnoException;
  const code = typeof error.code === 'string' ? error.code : '';
  const kind = CODES.find(([pattern]) => pattern.test(code))?.[1] ?? 'reset';
  const message = thrown instanceof Error && thrown.message !== '' ? thrown.message : code || 'failed';
  return new ApiError(kind, message, { cause: thrown });
}
