import type { Matchers, Senders } from './promql.ts';

/** Edges on which the workload that was chosen is the server. */
export const CALLED: Matchers = {
  destination_workload: '="$workload"',
  destination_namespace: '=~"$namespace"',
};
/** Edges on which it is the client. */
export const CALLING: Matchers = { source_workload: '="$workload"', source_namespace: '=~"$namespace"' };

/** It as a sender: of requests to others, and of answers to those that call it. */
export const FROM_IT: Senders = { clients: [CALLING], servers: [CALLED] };
/** Those that send to it. */
export const TO_IT: Senders = { clients: [CALLED], servers: [CALLING] };
export const BOTH_WAYS: Senders = { clients: [CALLING, CALLED], servers: [CALLED, CALLING] };
