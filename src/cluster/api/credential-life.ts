import { X509Certificate } from 'node:crypto';
import type { Credentials } from './api-config.ts';

/** What we are known by to the API server, without the secret. */
export interface CredentialLife {
  /** Text from outside in it: escape it where it is printed. */
  readonly what: string;
  /** Milliseconds of the wall clock; null: it says of no end. */
  readonly endsMs: number | null;
}

/** Who we say that we are, and for how long that is good. Throws where the certificate cannot be read. */
export function credentialLife({ authorization, cert }: Credentials): CredentialLife {
  const [scheme = '', secret = ''] = authorization?.split(' ') ?? [];
  if (scheme === 'Bearer') return tokenLife(secret);
  if (scheme !== '') return { what: `a ${scheme} password`, endsMs: null };
  if (cert === undefined) return { what: 'none: the API server takes us for anybody', endsMs: null };
  const { subject, validTo } = new X509Certificate(cert);
  const endsMs = Date.parse(validTo);
  const name = subject.replaceAll('\n', ', ');
  return { what: `a certificate of ${name}`, endsMs: Number.isNaN(endsMs) ? null : endsMs };
}

/** Those of service accounts are JSON web tokens (RFC 7519); others are nobody's to read. */
function tokenLife(token: string): CredentialLife {
  const unread = { what: 'a token', endsMs: null };
  try {
    const text = Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8');
    const { sub, exp } = JSON.parse(text) as { readonly sub?: unknown; readonly exp?: unknown };
    return {
      what: typeof sub === 'string' ? `a token of ${sub}` : unread.what,
      endsMs: typeof exp === 'number' ? exp * 1000 : null,
    };
  } catch {
    return unread;
  }
}
