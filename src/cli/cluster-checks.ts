import { ACCESS_RULES, type AccessRule } from '../cluster/access-rules.ts';
import { canI } from '../cluster/api/access-review.ts';
import { ApiClient } from '../cluster/api/api-client.ts';
import type { ApiConfig, Credentials } from '../cluster/api/api-config.ts';
import { ApiError, type ApiErrorKind, asApiError } from '../cluster/api/api-error.ts';
import { credentialLife } from '../cluster/api/credential-life.ts';
import { resourceText } from '../cluster/api/resource.ts';
import { asNetcError } from '../util/errors.ts';
import type { Check } from './checks.ts';
import { clusterConfig, type ClusterOptions } from './cluster.ts';
import { VERSION } from './version.ts';

export interface Limits {
  /** All of the checks together, whatever the API server does. */
  readonly limitMs: number;
  /** TCP and TLS, of which the resolver is a part. */
  readonly connectMs: number;
  /** An answer after so long is worth a word. */
  readonly slowMs: number;
}

const LIMITS: Limits = { limitMs: 20_000, connectMs: 5_000, slowMs: 2_000 };
const UNTIL_THEN = 'until then the agent counts on, and names of the cluster stay unknown';

/** What to look at, where the message alone does not say it. */
const API_ADVICE: Partial<Record<ApiErrorKind, string>> = {
  dns: 'the name of the API server is not known to the resolver',
  connect:
    'nothing answers at this address: is it the right one, and does a NetworkPolicy or firewall let us through',
  timeout: 'the API server, or what stands before it, takes connections and does not answer in time',
  reset: 'what answers ends the connection: the API server may be starting, or this is none',
  tls: 'certificate and authority do not go together: is it the right cluster, and the right time on this machine',
  unauthorized: 'the API server does not know this account or token: is it of another cluster, or deleted',
  garbled: 'what answers is no API server',
};

/** Says of each thing that the agent needs of its cluster whether it is there. Takes Limits.limitMs at most. Never fails. */
export async function clusterChecks(
  options: ClusterOptions,
  limits: Partial<Limits> = {},
  env: NodeJS.ProcessEnv = process.env,
): Promise<Check[]> {
  let config: ApiConfig | null;
  try {
    config = await clusterConfig(options);
  } catch (error) {
    const { message, hint } = asNetcError(error); // the agent ends with the same
    return [{ name: 'cluster', verdict: 'missing', found: message, advice: hint }];
  }
  return config === null ? [noCluster(options, env)] : checkApi(config, options.nodeName, limits);
}

/** @param nodeName undefined where it is not known */
export async function checkApi(
  config: ApiConfig,
  nodeName: string | undefined,
  given: Partial<Limits> = {},
): Promise<Check[]> {
  const limits = { ...LIMITS, ...given };
  const { limitMs, connectMs } = limits;
  const late = new AbortController();
  const why = new ApiError('timeout', `not known after ${limitMs / 1000} s`);
  const timer = setTimeout(() => late.abort(why), limitMs);
  const timeouts = { connectMs, headersMs: limitMs, stallMs: limitMs };
  const client = new ApiClient(config, { version: VERSION, timeouts });
  try {
    return await new ApiChecks(client, late.signal, limits).all(nodeName);
  } finally {
    clearTimeout(timer);
    client.close();
  }
}

function noCluster({ kubernetes }: ClusterOptions, env: NodeJS.ProcessEnv): Check {
  const name = 'cluster';
  if (kubernetes === 'off')
    return { name, verdict: 'ok', found: 'not asked for: --kubernetes off', advice: '' };
  if ((env['KUBERNETES_SERVICE_HOST'] ?? '') === '')
    return { name, verdict: 'ok', found: 'none: names are those of this machine', advice: '' };
  return {
    name,
    verdict: 'less',
    found: 'this is a pod without a token',
    advice:
      'automountServiceAccountToken: true in its spec; without it names are those of processes and containers',
  };
}

interface Step {
  readonly check: Check;
  /** Nothing more can be asked. */
  readonly isLast: boolean;
}

/** The checks, in the order in which one is the condition of the next. */
class ApiChecks {
  readonly #client: ApiClient;
  readonly #signal: AbortSignal;
  readonly #limits: Limits;

  constructor(client: ApiClient, signal: AbortSignal, limits: Limits) {
    this.#client = client;
    this.#signal = signal;
    this.#limits = limits;
  }

  async all(nodeName: string | undefined): Promise<Check[]> {
    const node = nodeName ?? '';
    const credentials = await this.#credentials();
    if (credentials.isLast) return [credentials.check, ...notAsked(['API server', 'rights'], node)];
    const server = await this.#server();
    if (server.isLast) return [credentials.check, server.check, ...notAsked(['rights'], node)];
    const rights: Check[] = [];
    for (const rule of ACCESS_RULES) rights.push(await this.#right(rule));
    const last = node === '' ? NO_NODE_NAME : await this.#node(node);
    return [credentials.check, server.check, ...rights, last];
  }

  async #credentials(): Promise<Step> {
    try {
      const check = lifeCheck(await this.#inTime(this.#client.config.credentials(false)));
      return { check, isLast: false };
    } catch (error) {
      const found = asApiError(error).message;
      return { check: { name: 'credentials', verdict: 'less', found, advice: UNTIL_THEN }, isLast: true };
    }
  }

  /** A helper of a kubeconfig may hang, and is none of our requests. */
  async #inTime(credentials: Promise<Credentials>): Promise<Credentials> {
    const { promise, reject } = Promise.withResolvers<never>();
    this.#signal.addEventListener('abort', () => reject(asApiError(this.#signal.reason)));
    return Promise.race([credentials, promise]);
  }

  /** Everybody may ask for the version, by the ClusterRole system:public-info-viewer. */
  async #server(): Promise<Step> {
    const fromMs = performance.now();
    const where = this.#client.config.describe;
    try {
      const answer = await this.#client.json({ path: '/version', verb: 'get', signal: this.#signal });
      const version = (answer as { readonly gitVersion?: unknown } | null)?.gitVersion;
      if (typeof version !== 'string') throw new ApiError('garbled', '/version tells no version');
      return { check: this.#answered(version, performance.now() - fromMs), isLast: false };
    } catch (thrown) {
      const error = asApiError(thrown);
      if (error.kind === 'forbidden')
        return { check: this.#answered('no version (403)', performance.now() - fromMs), isLast: false };
      const advice = [API_ADVICE[error.kind], UNTIL_THEN].filter((text) => text !== undefined).join('; ');
      const found = `${error.message} (${where})`;
      return { check: { name: 'API server', verdict: 'less', found, advice }, isLast: true };
    }
  }

  #answered(version: string, tookMs: number): Check {
    const found = `${version} in ${Math.ceil(tookMs)} ms (${this.#client.config.describe})`;
    const isSlow = tookMs > this.#limits.slowMs;
    const advice = isSlow ? 'the API server is slow: names come so much later' : '';
    return { name: 'API server', verdict: isSlow ? 'less' : 'ok', found, advice };
  }

  async #right({ resource, verbs, loss }: AccessRule): Promise<Check> {
    const text = resourceText(resource);
    const name = `right: ${text}`;
    const denied: string[] = [];
    for (const verb of verbs) {
      const { allowed, reason } = await canI(this.#client, verb, resource, this.#signal);
      if (allowed === 'cannot tell')
        return { name, verdict: 'unknown', found: `${verb}: ${reason}`, advice: '' };
      if (allowed === 'no') denied.push(verb);
    }
    if (denied.length === 0) return { name, verdict: 'ok', found: verbs.join(', '), advice: '' };
    const found = `not allowed: ${denied.join(', ')}`;
    return {
      name,
      verdict: 'less',
      found,
      advice: `ClusterRole needs: ${denied.join(', ')} ${text}; without it ${loss}`,
    };
  }

  async #node(node: string): Promise<Check> {
    try {
      await this.#client.json({
        path: `/api/v1/nodes/${encodeURIComponent(node)}`,
        verb: 'get',
        accept: 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1',
        signal: this.#signal,
      });
      return { name: NODE, verdict: 'ok', found: node, advice: '' };
    } catch (thrown) {
      const { kind, message } = asApiError(thrown);
      if (kind !== 'not_found')
        return { name: NODE, verdict: 'unknown', found: `${node}: ${message}`, advice: '' };
      const advice = `kubectl get nodes lists them; ${NODE_ADVICE}`;
      return { name: NODE, verdict: 'less', found: `the cluster has no node ${node}`, advice };
    }
  }
}

const NODE = 'node name';
const NODE_ADVICE =
  'NODE_NAME (in a pod by fieldRef: spec.nodeName) or --node-name; without it this machine and the programs on it that are in no pod have no name';
const NO_NODE_NAME: Check = { name: NODE, verdict: 'less', found: 'not set', advice: NODE_ADVICE };

function notAsked(names: readonly string[], node: string): Check[] {
  const found = 'not asked, for the reason above';
  const unknown = names.map((name): Check => ({ name, verdict: 'unknown', found, advice: '' }));
  return [
    ...unknown,
    node === '' ? NO_NODE_NAME : { name: NODE, verdict: 'unknown', found: node, advice: '' },
  ];
}

function lifeCheck(credentials: Credentials): Check {
  const name = 'credentials';
  const { what, endsMs } = credentialLife(credentials);
  if (endsMs === null) return { name, verdict: 'ok', found: what, advice: '' };
  const leftSeconds = Math.floor((endsMs - Date.now()) / 1000);
  if (leftSeconds > 0)
    return { name, verdict: 'ok', found: `${what}, good for ${period(leftSeconds)}`, advice: '' };
  const found = `${what}, which ended ${period(-leftSeconds)} ago`;
  const advice = `kubelet renews the token of a pod: is it running, and is the time of this machine right; ${UNTIL_THEN}`;
  return { name, verdict: 'less', found, advice };
}

function period(seconds: number): string {
  if (seconds < 120) return `${seconds} s`;
  return seconds < 7_200 ? `${Math.floor(seconds / 60)} min` : `${Math.floor(seconds / 3_600)} h`;
}
