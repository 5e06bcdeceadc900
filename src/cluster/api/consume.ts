import type { Turns } from '../../util/turns.ts';

/** Cuts bytes into texts: ListScanner, LineScanner. */
interface Scanner {
  feed(chunk: Buffer): void;
  next(): string | null;
}

/** Gives each text that the scanner finds in the parts to `each`, one after the other, and lets others have their turn in between. */
export async function consume(
  parts: AsyncIterable<Buffer>,
  scanner: Scanner,
  turns: Turns,
  each: (text: string) => void | Promise<void>,
): Promise<void> {
  for await (const part of parts) {
    const free = turns.used(0); // others may have used this turn up
    if (free !== null) await free;
    let fromMs = performance.now();
    scanner.feed(part);
    for (let text = scanner.next(); text !== null; text = scanner.next()) {
      const pending = each(text);
      if (pending !== undefined) await pending;
      const nowMs = performance.now();
      const turn = turns.used(nowMs - fromMs);
      fromMs = nowMs;
      if (turn === null) continue;
      await turn;
      fromMs = performance.now();
    }
    const turn = turns.used(performance.now() - fromMs);
    if (turn !== null) await turn;
  }
}
