/** Kinds whose own owner is asked for, by one read of metadata each: a Deployment stands above one, a CronJob above the other. */
export const ASKED_OWNERS = [
  { group: 'apps', kind: 'ReplicaSet', plural: 'replicasets' },
  { group: 'batch', kind: 'Job', plural: 'jobs' },
] as const;
