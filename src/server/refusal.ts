/**
 * Why a request or a connection was turned away: too many scrapes under way; pages that nobody reads hold all the memory for
 * them; too many connections with an answer under way; a connection without a request made room for another one.
 */
export const REFUSALS = ['scrapes', 'memory', 'connections', 'idle'] as const;
export type Refusal = (typeof REFUSALS)[number];
