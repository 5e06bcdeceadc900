import type { ApiClient } from './api-client.ts';
import type { Resource } from './resource.ts';

export type Verb = 'get' | 'list' | 'watch';

interface Review {
  readonly status?: { readonly allowed?: unknown; readonly evaluationError?: unknown };
}

/**
 * Whether we may: a SelfSubjectAccessReview (authorization.k8s.io/v1), which every authenticated user may ask by the
 * ClusterRole system:basic-user. In all namespaces. 'cannot tell' where the server does not answer it, or says that it
 * could not decide. Never fails.
 */
export async function canI(
  client: ApiClient,
  verb: Verb,
  { group, plural }: Resource,
): Promise<'yes' | 'no' | 'cannot tell'> {
  try {
    const { status } = (await client.json({
      path: '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
      verb: 'create',
      body: {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SelfSubjectAccessReview',
        spec: { resourceAttributes: { verb, group, resource: plural } },
      },
    })) as Review;
    if (status?.allowed === true) return 'yes';
    const undecided = typeof status?.evaluationError === 'string' && status.evaluationError !== '';
    return status?.allowed === false && !undecided ? 'no' : 'cannot tell';
  } catch {
    return 'cannot tell';
  }
}
