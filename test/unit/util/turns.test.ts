import { afterEach, describe, expect, test, vi } from 'vitest';
import { consume } from '../../../src/cluster/api/consume.ts';
import { LineScanner } from '../../../src/cluster/api/line-scanner.ts';
import { Turns } from '../../../src/util/turns.ts';

function spin(ms: number): void {
  const untilMs = performance.now() + ms;
  while (performance.now() < untilMs) {
    // holds the event loop, as JSON.parse does
  }
}

afterEach(() => {
  vi.useRealTimers();
});

/** From here on nothing takes time, however busy the machine is. */
function holdClock(): void {
  vi.useFakeTimers({ toFake: ['performance'] });
}

async function* lines(count: number): AsyncGenerator<Buffer> {
  yield Buffer.from('x\n'.repeat(count));
}

describe('turns of the event loop', () => {
  test('are short for four readers together, and each gets on', async () => {
    const turns = new Turns();
    const done = [0, 0, 0, 0];
    const spread: number[] = [];
    let spunMs = 0;
    let worstMs = 0;
    let running = true;
    const other = (): void => {
      worstMs = Math.max(worstMs, spunMs);
      spunMs = 0;
      if (running) setImmediate(other);
    };
    setImmediate(other);
    await Promise.all(
      done.map((_, reader) =>
        consume(lines(60), new LineScanner(100), turns, () => {
          spin(0.5);
          spunMs += 0.5;
          done[reader]!++;
          spread.push(Math.max(...done) - Math.min(...done));
        }),
      ),
    );
    running = false;
    expect(done).toEqual([60, 60, 60, 60]);
    // the slice of 3 ms, and the piece that each reader begins before it sees that it is over
    expect(worstMs).toBeLessThanOrEqual(8);
    expect(Math.max(...spread)).toBeLessThanOrEqual(30); // no reader waits for another to end
  });

  test('are not waited for when there is little to do', async () => {
    holdClock();
    let turns = 0;
    setImmediate(() => turns++);
    const seen: string[] = [];
    await consume(lines(3), new LineScanner(100), new Turns(), (line) => void seen.push(line));
    expect(seen).toEqual(['x', 'x', 'x']);
    expect(turns).toBe(0);
  });

  test('are not waited for by work of which there is little in each', async () => {
    const turns = new Turns();
    for (let i = 0; i < 10; i++) {
      expect(turns.used(1)).toBeNull();
      await new Promise((resolve) => setImmediate(resolve));
    }
  });

  test('are each of one piece of work that is long by itself', async () => {
    const turns = new Turns();
    const begun: number[] = [];
    let turn = 0;
    let running = true;
    const count = (): void => {
      turn++;
      if (running) setImmediate(count);
    };
    setImmediate(count);
    await Promise.all(
      [1, 2, 3].map(async () => {
        await turns.next();
        begun.push(turn);
      }),
    );
    running = false;
    expect(new Set(begun).size).toBe(3);
  });

  test('that others have used up are not begun by what arrives in them', async () => {
    const turns = new Turns();
    let turn = 0;
    let seen = -1;
    expect(turns.used(5)).not.toBeNull();
    setImmediate(() => turn++);
    await consume(lines(1), new LineScanner(100), turns, () => void (seen = turn));
    expect(seen).toBe(1);
  });

  test('work that takes its time is waited for before the next', async () => {
    const seen: string[] = [];
    await consume(lines(2), new LineScanner(100), new Turns(), async () => {
      seen.push('begin');
      await new Promise((resolve) => setTimeout(resolve, 5));
      seen.push('end');
    });
    expect(seen).toEqual(['begin', 'end', 'begin', 'end']);
  });
});
