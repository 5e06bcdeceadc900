import type { ApiClient } from './api-client.ts';
import { asApiError } from './api-error.ts';
import type { Resource } from './resource.ts';

export type Verb = 'get' | 'list' | 'watch';

export interface Access {
  readonly allowed: 'yes' | 'no' | 'cannot tell';
  /** Why it cannot be told; '' where it can. Text of the server: escape it where it is printed. */
  readonly reason: string;
}

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
  signal?: AbortSignal,
): Promise<Access> {
  try {
    const { status } = (await client.json({
      path: '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
      verb: 'create',
      body: {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SelfSubjectAccessReview',
        spec: { resourceAttributes: { verb, group, resource: plural } },
      },
      ...(signal && { signal }),
    })) as Review;
    if (status?.allowed === true) return { allowed: 'yes', reason: '' };
    const error = status?.evaluationError;
    if (typeof error === 'string' && error !== '') return { allowed: 'cannot tell', reason: error };
    if (status?.allowed === false) return { allowed: 'no', reason: '' };
    return { allowed: 'cannot tell', reason: 'the API server answers no review' };
  } catch (error) {
    return { allowed: 'cannot tell', reason: asApiError(error).message };
  }
}
