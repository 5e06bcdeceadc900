import { readFileSync } from 'node:fs';
import type { Identity } from './authority.ts';

/** A user of a kubeconfig: a token, or a client certificate. */
export type Credentials = { readonly token: string } | Identity;

/** The text of a kubeconfig with one cluster, one user and one context; everything is in it, so it may be moved. */
export function kubeconfig(server: string, caPem: string, who: Credentials): string {
  const base64 = (text: string | Buffer): string => Buffer.from(text).toString('base64');
  const user =
    'token' in who
      ? { token: who.token }
      : {
          'client-certificate-data': base64(readFileSync(who.certFile)),
          'client-key-data': base64(readFileSync(who.keyFile)),
        };
  // JSON is YAML.
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'test', cluster: { server, 'certificate-authority-data': base64(caPem) } }],
    users: [{ name: 'user', user }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'user' } }],
    'current-context': 'test',
  });
}
