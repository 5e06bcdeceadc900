import { setTimeout as sleep } from 'node:timers/promises';

/** Takes a step each so many milliseconds until the end; one that takes longer delays the next, they never overlap. */
export async function every(ms: number, end: AbortSignal, step: () => Promise<unknown>): Promise<void> {
  for (let nextMs = performance.now(); !end.aborted; nextMs = Math.max(nextMs + ms, performance.now())) {
    await sleep(Math.max(0, nextMs - performance.now()), undefined, { signal: end }).catch(() => {});
    if (!end.aborted) await step();
  }
}
