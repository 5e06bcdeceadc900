import { existsSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { join } from 'node:path';
import { type Clock, systemClock } from '../../util/clock.ts';
import type { ApiConfig } from './api-config.ts';
import { RereadFile } from './reread-file.ts';

/** Where kubelet puts the service account of a pod: "Accessing the Kubernetes API from a Pod" of the Kubernetes docs. */
const FOLDER = '/var/run/secrets/kubernetes.io/serviceaccount';
/**
 * Kubelet replaces a token at 80 % of its life, and a life is 10 minutes at the least (TokenRequest API): read each
 * minute, ours is always good for another minute.
 */
const MAX_AGE_MS = 60_000;

export interface InClusterOptions {
  readonly folder?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly clock?: Clock;
}

/**
 * The API server as a pod sees it: KUBERNETES_SERVICE_HOST and _PORT, and the token and CA of its service account.
 * Null where this is not a pod, or one without a token (automountServiceAccountToken: false).
 */
export function inClusterConfig(options: InClusterOptions = {}): ApiConfig | null {
  const { folder = FOLDER, env = process.env, clock = systemClock } = options;
  const host = env['KUBERNETES_SERVICE_HOST'] ?? '';
  const port = env['KUBERNETES_SERVICE_PORT'] ?? '';
  if (host === '' || port === '' || !existsSync(join(folder, 'token'))) return null;
  const url = `https://${isIPv6(host) ? `[${host}]` : host}:${port}`;
  if (!URL.canParse(url)) return null;
  const token = new RereadFile(join(folder, 'token'), MAX_AGE_MS, clock);
  const ca = new RereadFile(join(folder, 'ca.crt'), MAX_AGE_MS, clock);
  return {
    server: new URL(url),
    describe: `the service account of the pod, ${url}`,
    serverName: undefined,
    skipTlsVerify: false,
    credentials: async (refused) => ({
      ca: await ca.text(refused),
      cert: undefined,
      key: undefined,
      authorization: `Bearer ${await token.text(refused)}`,
    }),
  };
}
