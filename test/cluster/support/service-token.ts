import { randomUUID, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { AdminClient } from './admin-client.ts';
import type { KubeObject } from './kube-object.ts';

const NAMESPACE = 'kube-system';
const ISSUER = 'https://kubernetes.default.svc';
/** The server refuses to make tokens that live shorter. */
const SHORTEST_SECONDS = 600;
/** The server forgives clocks that differ so much: go-jose's jwt.DefaultLeeway. */
const LEEWAY_SECONDS = 60;

/** As in a ClusterRole. */
export interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

const RBAC = 'rbac.authorization.k8s.io';

/**
 * Makes a service account of that name with exactly these rules, in kube-system, and returns its account. Called again
 * for the same name, it only replaces the rules.
 */
export async function grant(admin: AdminClient, name: string, rules: readonly Rule[]): Promise<KubeObject> {
  const role: KubeObject = { apiVersion: `${RBAC}/v1`, kind: 'ClusterRole', metadata: { name }, rules };
  const account = `/api/v1/namespaces/${NAMESPACE}/serviceaccounts/${name}`;
  if ((await admin.request('GET', account)).status === 200) {
    await admin.patch(role, { rules });
    return admin.get(account);
  }
  await admin.create(role);
  await admin.create({
    apiVersion: `${RBAC}/v1`,
    kind: 'ClusterRoleBinding',
    metadata: { name },
    roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name },
    subjects: [{ kind: 'ServiceAccount', name, namespace: NAMESPACE }],
  });
  return admin.create({
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name, namespace: NAMESPACE },
  });
}

/**
 * A token that the server refuses `seconds` from now. From 600 s on the server itself makes it (TokenRequest); a shorter
 * one is signed here with the server's key. The server may go on taking a token for 10 s, which is how long it keeps
 * what it found out about it.
 */
export async function makeToken(
  admin: AdminClient,
  account: KubeObject,
  seconds: number,
  signingKeyFile: string,
): Promise<string> {
  const { name } = account.metadata;
  if (seconds < SHORTEST_SECONDS) return signToken(account, seconds, signingKeyFile);
  const path = `/api/v1/namespaces/${NAMESPACE}/serviceaccounts/${name}/token`;
  const request = {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: { expirationSeconds: seconds },
  };
  const { status } = await admin.ask<{ status: { token: string } }>('POST', path, request);
  return status.token;
}

/** The claims of a bound token: pkg/serviceaccount/claims.go of Kubernetes. */
function signToken({ metadata }: KubeObject, seconds: number, signingKeyFile: string): string {
  const now = Math.floor(Date.now() / 1000);
  const claims = {
    iss: ISSUER,
    aud: [ISSUER],
    sub: `system:serviceaccount:${NAMESPACE}:${metadata.name}`,
    iat: now - LEEWAY_SECONDS,
    nbf: now - LEEWAY_SECONDS,
    exp: now + Math.ceil(seconds) - LEEWAY_SECONDS,
    jti: randomUUID(),
    'kubernetes.io': {
      namespace: NAMESPACE,
      serviceaccount: { name: metadata.name, uid: metadata.uid ?? '' },
    },
  };
  const key = readFileSync(signingKeyFile, 'utf8');
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = `${part({ alg: 'ES256', typ: 'JWT' })}.${part(claims)}`;
  const signature = sign('sha256', Buffer.from(signed), { key, dsaEncoding: 'ieee-p1363' });
  return `${signed}.${signature.toString('base64url')}`;
}
