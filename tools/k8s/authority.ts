import { execFile } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const DAYS = '30';
const run = promisify(execFile);

/** Files in PEM. */
export interface Identity {
  readonly keyFile: string;
  readonly certFile: string;
}

export interface IdentityOptions {
  /** In openssl's form: `/O=system:nodes/CN=system:node:a`. O is a group and CN a user to an API server. */
  readonly subject: string;
  readonly usage: 'serverAuth' | 'clientAuth';
  /** subjectAltName: `IP:127.0.0.1`, `DNS:localhost`. */
  readonly names?: readonly string[];
}

/** A throw-away certificate authority in a folder, by the openssl command (3.0 or newer). */
export class Authority {
  readonly certFile: string;
  readonly keyFile: string;
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
    this.certFile = join(folder, 'ca.crt');
    this.keyFile = join(folder, 'ca.key');
  }

  static async create(folder: string): Promise<Authority> {
    mkdirSync(folder, { recursive: true });
    const made = new Authority(folder);
    const extensions =
      'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign,digitalSignature';
    await made.#certify('ca', '/CN=test-ca', extensions, []);
    return made;
  }

  /** The certificate in PEM. */
  get pem(): string {
    return readFileSync(this.certFile, 'utf8');
  }

  /** Makes NAME.key and NAME.crt. */
  async issue(name: string, { subject, usage, names = [] }: IdentityOptions): Promise<Identity> {
    const alternative = names.length > 0 ? `\nsubjectAltName=${names.join(',')}` : '';
    const extensions = `basicConstraints=CA:FALSE\nextendedKeyUsage=${usage}${alternative}`;
    return this.#certify(name, subject, extensions, ['-CA', this.certFile, '-CAkey', this.keyFile]);
  }

  /** A key pair to sign the tokens of service accounts: NAME.key and NAME.pub. */
  signingKey(name: string): { readonly keyFile: string; readonly publicFile: string } {
    const { privateKey, publicKey } = generateKeyPairSync('ec', {
      namedCurve: 'P-256',
      publicKeyEncoding: { type: 'spki', format: 'pem' },
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    });
    const [keyFile, publicFile] = [join(this.folder, `${name}.key`), join(this.folder, `${name}.pub`)];
    writeFileSync(keyFile, privateKey, { mode: 0o600 });
    writeFileSync(publicFile, publicKey);
    return { keyFile, publicFile };
  }

  async #certify(
    name: string,
    subject: string,
    extensions: string,
    by: readonly string[],
  ): Promise<Identity> {
    const [keyFile, certFile] = [join(this.folder, `${name}.key`), join(this.folder, `${name}.crt`)];
    // A configuration of its own: the machine's would add extensions a second time, which Go refuses.
    const config = join(this.folder, `${name}.cnf`);
    writeFileSync(config, `[req]\ndistinguished_name=dn\nx509_extensions=ext\n[dn]\n[ext]\n${extensions}\n`);
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-noenc', '-keyout', keyFile];
    const what = ['-subj', subject, '-days', DAYS, '-config', config, '-out', certFile];
    await run('openssl', ['req', '-x509', ...key, ...what, ...by]);
    return { keyFile, certFile };
  }
}
