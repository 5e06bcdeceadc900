import type { Sample } from './samples.ts';

/** What the agent knows of its reading of one resource of the API server. */
export interface ApiReadings {
  /** `pods`, `endpointslices.discovery.k8s.io`. */
  readonly resource: string;
  /** Null: it is not watched, only asked for now and then. */
  readonly watch: {
    readonly synced: boolean;
    readonly objects: number;
    /** Null: the server has never said anything of it. */
    readonly silenceSeconds: number | null;
    readonly lists: number;
    readonly restarts: number;
  } | null;
  /** By kind. */
  readonly errors: ReadonlyMap<string, number>;
  readonly requests: number;
  readonly receivedBytes: number;
}

/** The metrics of the API server's use; none without a cluster. */
export function apiSamples(all: readonly ApiReadings[]): Sample[] {
  return all.flatMap(({ resource, watch, errors, requests, receivedBytes }) => {
    const of = (metric: Sample['metric'], value: number): Sample => ({ metric, labels: [resource], value });
    return [
      ...(watch === null ? [] : watchSamples(watch, of)),
      ...[...errors].map(([kind, value]): Sample => {
        return { metric: 'kube_netc_agent_api_errors_total', labels: [resource, kind], value };
      }),
      of('kube_netc_agent_api_requests_total', requests),
      of('kube_netc_agent_api_received_bytes_total', receivedBytes),
    ];
  });
}

function watchSamples(
  watch: NonNullable<ApiReadings['watch']>,
  of: (metric: Sample['metric'], value: number) => Sample,
): Sample[] {
  const { silenceSeconds } = watch;
  return [
    of('kube_netc_agent_api_synced', watch.synced ? 1 : 0),
    of('kube_netc_agent_api_objects', watch.objects),
    ...(silenceSeconds === null ? [] : [of('kube_netc_agent_api_silence_seconds', silenceSeconds)]),
    of('kube_netc_agent_api_lists_total', watch.lists),
    of('kube_netc_agent_api_watches_total', watch.restarts),
  ];
}
