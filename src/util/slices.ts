import { eventLoop } from './turns.ts';

/** Runs a long piece of work, which yields where it may pause, in turns with all other work that is long. */
export async function inSlices(work: Iterator<unknown, unknown, undefined>): Promise<void> {
  let fromMs = performance.now();
  while (work.next().done !== true) {
    const nowMs = performance.now();
    const turn = eventLoop.used(nowMs - fromMs);
    fromMs = nowMs;
    if (turn === null) continue;
    await turn;
    fromMs = performance.now();
  }
}

/**
 * Runs such work to its end in one turn: for who waits for it, and has little of it. A generator that is made and not run
 * does nothing, and says nothing.
 */
export function atOnce(work: Iterator<unknown, unknown, undefined>): void {
  for (let done: boolean | undefined = false; done !== true;) ({ done } = work.next());
}
