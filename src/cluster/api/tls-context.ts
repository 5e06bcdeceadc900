import { createSecureContext, type SecureContext } from 'node:tls';
import type { Turns } from '../../util/turns.ts';
import type { Credentials } from './api-config.ts';

/**
 * What TLS connections are made with, the same for all of them as long as the credentials are: reading the authorities
 * and keys takes 3 to 10 ms, and with Node's own authorities more.
 */
export class TlsContext {
  readonly #turns: Turns;
  #of: Credentials | null = null;
  #context: SecureContext | null = null;

  constructor(turns: Turns) {
    this.#turns = turns;
  }

  /** Made in a turn of its own. Throws what OpenSSL says of the PEM. */
  async for(credentials: Credentials): Promise<SecureContext> {
    if (this.#known(credentials) === null) await this.#turns.next();
    // several may have waited for that turn: the first makes it
    return this.#known(credentials) ?? this.#make(credentials);
  }

  #known({ ca, cert, key }: Credentials): SecureContext | null {
    const is = this.#of?.ca === ca && this.#of?.cert === cert && this.#of?.key === key;
    return is ? this.#context : null;
  }

  #make(credentials: Credentials): SecureContext {
    const { ca, cert, key } = credentials;
    const made = createSecureContext({
      ...(ca !== undefined && { ca }),
      ...(cert !== undefined && { cert }),
      ...(key !== undefined && { key }),
    });
    this.#of = credentials;
    this.#context = made;
    return made;
  }
}
