import type { Logger } from 'pino';
import type { ApiConfig } from '../cluster/api/api-config.ts';
import { inClusterConfig } from '../cluster/api/in-cluster.ts';
import { ClusterWatch } from '../cluster/cluster-watch.ts';
import type { CgroupView } from '../cluster/cgroup-view.ts';
import type { Cgroups } from '../cluster/cgroups.ts';
import { KubeIdentity } from '../cluster/kube-identity.ts';
import { LocalEnds } from '../cluster/local-ends.ts';
import { NetnsPods, type PodLookup } from '../cluster/netns-pods.ts';
import type { ApiReadings } from '../collector/api-samples.ts';
import { systemClock } from '../util/clock.ts';
import { VERSION } from './version.ts';

/** Where the cluster is, and who we are in it. */
export interface ClusterOptions {
  /** auto: that of the pod that this runs in, if it is one. */
  readonly kubernetes: 'auto' | 'off';
  readonly kubeconfig: string | undefined;
  readonly nodeName: string | undefined;
}

/** Between two looks at what is wrong, for the log. */
const WATCH_PROBLEMS_MS = 5_000;
/** Problems that are remembered as said; over it they are not said. */
const MAX_SAID = 64;

/** A cluster that the agent is part of. */
export interface Cluster {
  readonly identity: KubeIdentity;
  readonly watch: ClusterWatch;
  readonly nodeName: string;
}

/** Null on a plain host. Throws E_KUBECONFIG. */
export async function clusterConfig(options: ClusterOptions): Promise<ApiConfig | null> {
  if (options.kubernetes === 'off') return null;
  if (options.kubeconfig === undefined) return inClusterConfig();
  const { kubeconfigConfig } = await import('../cluster/api/kubeconfig.ts');
  return kubeconfigConfig(options.kubeconfig);
}

/** Begins to read the API server, without waiting for it. */
export function openCluster(
  config: ApiConfig,
  { nodeName = '' }: ClusterOptions,
  { view, cgroups }: { readonly view: CgroupView; readonly cgroups: Cgroups },
): Cluster {
  const clock = systemClock;
  const watch = new ClusterWatch(config, { version: VERSION, nodeName, clock });
  const { directory } = watch;
  const pods: PodLookup = (uid) => directory.podByUid(uid);
  const localEnds = new LocalEnds({ cgroups, pods, netnsPods: new NetnsPods(pods), layout: view.layout });
  return {
    identity: new KubeIdentity({
      cgroups,
      localEnds,
      directory,
      nodeName,
      clock,
      deafMs: () => watch.deafMs,
    }),
    watch,
    nodeName,
  };
}

/**
 * Says in the log what goes wrong with the API server when it begins, and when it is over: of each resource every problem
 * once until it is well again. @returns ends it
 */
export function logProblems(cluster: Cluster, log: Logger): () => void {
  const said = new Set<string>();
  let synced = false;
  const look = (): void => {
    const problems = cluster.watch.problems().filter((problem) => !problem.endsWith(': not read yet'));
    for (const problem of problems) {
      if (said.has(problem) || said.size >= MAX_SAID) continue;
      said.add(problem);
      log.warn(`API server: ${problem}`);
    }
    if (said.size > 0 && problems.length === 0) log.info('API server: all is well again');
    const bad = new Set(problems.map(resourceOf));
    for (const problem of said) if (!bad.has(resourceOf(problem))) said.delete(problem);
    if (!synced && cluster.watch.synced) {
      synced = true;
      log.info(`API server: ${cluster.watch.states.map((s) => `${s.objects} ${s.resource}`).join(', ')}`);
    }
  };
  const timer = setInterval(look, WATCH_PROBLEMS_MS);
  timer.unref();
  return () => clearInterval(timer);
}

/** Problems are told as "pods: what is wrong". */
function resourceOf(problem: string): string {
  return problem.split(':', 1)[0] ?? '';
}

/** What the agent's own metrics tell of its use of the API server. */
export function apiReadings({ watch }: Cluster): ApiReadings[] {
  const received = watch.client.received.byResource;
  const states = watch.states;
  const watched = states.map((state): ApiReadings => {
    const { requests = 0, bytes = 0 } = received.get(state.resource) ?? {};
    return {
      resource: state.resource,
      watch: {
        synced: state.synced,
        objects: state.objects,
        silenceSeconds: state.heardAgoMs === null ? null : state.heardAgoMs / 1000,
        lists: state.lists,
        restarts: state.restarts,
      },
      errors: state.errors,
      requests,
      receivedBytes: bytes,
    };
  });
  const others = [...received].filter(([name]) => states.every(({ resource }) => resource !== name));
  return [
    ...watched,
    ...others.map(([resource, { requests, bytes }]): ApiReadings => {
      return { resource, watch: null, errors: new Map(), requests, receivedBytes: bytes };
    }),
  ];
}
