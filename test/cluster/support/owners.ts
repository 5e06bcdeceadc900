import { randomUUID } from 'node:crypto';
import type { AdminClient } from './admin-client.ts';
import type { KubeObject, KubeOwner } from './kube-object.ts';

/** A controller that the API server need not have: nobody asks for it. */
export function owner(apiVersion: string, kind: string, name: string): KubeOwner {
  return { apiVersion, kind, name, uid: randomUUID(), controller: true };
}

/** Makes a ReplicaSet that this controls. */
export async function replicaSet(
  admin: AdminClient,
  name: string,
  namespace: string,
  of: KubeOwner,
): Promise<KubeOwner> {
  const labels = { app: name };
  return made(admin, 'apps/v1', 'ReplicaSet', name, namespace, of, {
    replicas: 0,
    selector: { matchLabels: labels },
    template: { metadata: { labels }, spec: { containers: [{ name: 'main', image: 'example.test/app:1' }] } },
  });
}

/** Makes a Job that this controls. */
export async function job(
  admin: AdminClient,
  name: string,
  namespace: string,
  of: KubeOwner,
): Promise<KubeOwner> {
  return made(admin, 'batch/v1', 'Job', name, namespace, of, {
    suspend: true,
    template: {
      spec: { restartPolicy: 'Never', containers: [{ name: 'main', image: 'example.test/app:1' }] },
    },
  });
}

async function made(
  admin: AdminClient,
  apiVersion: string,
  kind: string,
  name: string,
  namespace: string,
  of: KubeOwner,
  spec: unknown,
): Promise<KubeOwner> {
  const object: KubeObject = {
    apiVersion,
    kind,
    metadata: { name, namespace, ownerReferences: [of] },
    spec,
  };
  const { metadata } = await admin.create(object);
  return { apiVersion, kind, name, uid: metadata.uid ?? '', controller: true };
}
