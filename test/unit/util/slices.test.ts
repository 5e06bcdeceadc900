import { describe, expect, test } from 'vitest';
import { atOnce, inSlices } from '../../../src/util/slices.ts';

function spin(ms: number): void {
  const untilMs = performance.now() + ms;
  while (performance.now() < untilMs) {
    // holds the event loop, as work does
  }
}

describe('work in slices', () => {
  test('is done to its end, in its order', async () => {
    const done: number[] = [];
    await inSlices(
      (function* () {
        for (let i = 0; i < 1000; i++) {
          done.push(i);
          yield;
        }
      })(),
    );
    expect(done).toEqual(Array.from({ length: 1000 }, (_, i) => i));
    await inSlices([].values());
  });

  test('lets others have their turn every few milliseconds', async () => {
    let turns = 0;
    let running = true;
    const other = (): void => {
      turns++;
      if (running) setImmediate(other);
    };
    setImmediate(other);
    await inSlices(
      (function* () {
        for (let i = 0; i < 40; i++) {
          spin(1);
          yield;
        }
      })(),
    );
    running = false;
    expect(turns).toBeGreaterThanOrEqual(5); // 40 ms in slices of 3 ms
  });

  test('that is short does not wait for anybody', async () => {
    let turns = 0;
    setImmediate(() => turns++);
    await inSlices([1, 2, 3].values());
    expect(turns).toBe(0);
  });

  test('that throws ends there, and says so', async () => {
    const steps: number[] = [];
    const work = (function* () {
      steps.push(1);
      yield;
      throw new Error('half way');
    })();
    await expect(inSlices(work)).rejects.toThrow('half way');
    expect(steps).toEqual([1]);
  });
});

test('work at once is done to its end before anybody else has a turn', () => {
  const done: number[] = [];
  atOnce(
    (function* () {
      for (let i = 0; i < 3; i++) {
        done.push(i);
        yield;
      }
      done.push(3);
    })(),
  );
  expect(done).toEqual([0, 1, 2, 3]);
});
