import { readFile } from 'node:fs/promises';
import type { RequestOptions } from 'node:https';
import type { Cluster, KubeConfig } from '@kubernetes/client-node';
import { type Clock, systemClock } from '../../util/clock.ts';
import { NetcError } from '../../util/errors.ts';
import type { ApiConfig, Credentials } from './api-config.ts';

/** Files and helpers of the kubeconfig are asked again after so long; the helpers' tokens last longer than that. */
const MAX_AGE_MS = 30_000;

/**
 * The API server and the user of the current context of a kubeconfig: tokens, client certificates, exec plugins and OIDC
 * as the official client does them. It is loaded here and nowhere else, since it takes 0.2 s and 39 MiB: an agent in a
 * cluster never needs it. Throws NetcError E_KUBECONFIG.
 */
export async function kubeconfigConfig(path: string, clock: Clock = systemClock): Promise<ApiConfig> {
  try {
    const { config, cluster } = await load(path);
    const credentials = new KubeconfigCredentials(config, clock);
    const server = new URL(cluster.server);
    return {
      server,
      // the origin: a URL may have a password in it
      describe: `the context ${config.getCurrentContext()} of ${path}, ${server.origin}`,
      serverName: cluster.tlsServerName === '' ? undefined : cluster.tlsServerName,
      skipTlsVerify: cluster.skipTLSVerify,
      credentials: (refused) => credentials.get(refused),
    };
  } catch (error) {
    throw new NetcError('E_KUBECONFIG', { path, reason: reasonOf(error) }, { cause: error });
  }
}

/** One line: a parser shows the lines around the fault, and they may hold a token. */
function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split('\n')[0] ?? '';
}

async function load(path: string): Promise<{ config: KubeConfig; cluster: Cluster }> {
  await readFile(path); // says by its code what is wrong with the file
  const client = await import('@kubernetes/client-node');
  const config = new client.KubeConfig();
  config.loadFromFile(path);
  const cluster = config.getCurrentCluster();
  if (cluster === null) throw new Error('it has no current context, or that has no cluster');
  if (!/^https?:$/.test(URL.parse(cluster.server)?.protocol ?? ''))
    throw new Error('the server is no http(s) URL');
  if (cluster.proxyUrl !== undefined) throw new Error('proxy-url is not supported');
  return { config, cluster };
}

class KubeconfigCredentials {
  readonly #config: KubeConfig;
  readonly #clock: Clock;
  #known: Credentials | null = null;
  #askedMs = 0;

  constructor(config: KubeConfig, clock: Clock) {
    this.#config = config;
    this.#clock = clock;
  }

  async get(refused: boolean): Promise<Credentials> {
    const nowMs = this.#clock.tsMonoMs();
    if (this.#known !== null && !refused && nowMs - this.#askedMs < MAX_AGE_MS) return this.#known;
    const options: RequestOptions = {};
    await this.#config.applyToHTTPSOptions(options);
    this.#known = {
      ca: pem(options.ca),
      cert: pem(options.cert),
      key: pem(options.key),
      authorization: authorizationOf(options),
    };
    this.#askedMs = nowMs;
    return this.#known;
  }
}

function pem(value: unknown): string | undefined {
  return typeof value === 'string' || Buffer.isBuffer(value) ? value.toString() : undefined;
}

function authorizationOf({ headers, auth }: RequestOptions): string | null {
  const header = (headers as Readonly<Record<string, unknown>> | undefined)?.['Authorization'];
  if (typeof header === 'string') return header;
  return typeof auth === 'string' ? `Basic ${Buffer.from(auth).toString('base64')}` : null;
}
