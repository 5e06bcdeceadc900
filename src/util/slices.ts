const SLICE_MS = 4;

/**
 * Runs a long piece of work, which yields where it may pause, without holding the event loop: after every few
 * milliseconds others have their turn.
 */
export async function inSlices(work: Iterator<unknown, unknown, undefined>): Promise<void> {
  let from = performance.now();
  while (work.next().done !== true) {
    if (performance.now() - from < SLICE_MS) continue;
    await new Promise((resolve) => setImmediate(resolve));
    from = performance.now();
  }
}
