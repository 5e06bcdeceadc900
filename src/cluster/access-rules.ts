import type { Verb } from './api/access-review.ts';
import { type Resource, resourceOf } from './api/resource.ts';
import { RESOURCES } from './cluster-watch.ts';
import { ASKED_OWNERS } from './directory/asked-owners.ts';

/** A right that the agent has a use for. */
export interface AccessRule {
  readonly resource: Resource;
  readonly verbs: readonly Verb[];
  /** What is not told without it. */
  readonly loss: string;
}

const LOSSES: Readonly<Record<keyof typeof RESOURCES, string>> = {
  pods: 'no pod has a name',
  services: 'no Service has a name',
  slices: 'it is not told which Service a pod serves, and which workload is behind a Service',
  nodes: 'no node has a name, and no pod a zone',
};

const OWNER_LOSSES: Readonly<Record<(typeof ASKED_OWNERS)[number]['kind'], string>> = {
  ReplicaSet: 'the name of a Deployment is taken from the label pod-template-hash of its pods',
  Job: 'a Job stands for the CronJob that made it',
};

/** Exactly what stands in the ClusterRole of deploy/helm. */
export const ACCESS_RULES: readonly AccessRule[] = [
  ...Object.entries(RESOURCES).map(([kind, path]): AccessRule => {
    const resource = resourceOf(path) ?? { group: '', plural: kind };
    return { resource, verbs: ['get', 'list', 'watch'], loss: LOSSES[kind as keyof typeof RESOURCES] };
  }),
  ...ASKED_OWNERS.map(({ group, kind, plural }): AccessRule => {
    return { resource: { group, plural }, verbs: ['get'], loss: OWNER_LOSSES[kind] };
  }),
];
