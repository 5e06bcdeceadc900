import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { LoopLag } from '../../../src/util/loop-lag.ts';

function spin(ms: number): void {
  const untilMs = performance.now() + ms;
  while (performance.now() < untilMs) {
    // holds the event loop
  }
}

test('the longest hold of the event loop is told once, and time without work is none', async () => {
  const lag = new LoopLag();
  expect(lag.takeMaxSeconds()).toBe(0);
  lag.start();
  await sleep(50);
  lag.takeMaxSeconds(); // the turn that began before it was started
  for (const ms of [10, 80, 20]) {
    spin(ms);
    await sleep(30);
  }
  expect(lag.takeMaxSeconds()).toBeGreaterThan(0.05);
  const rest = async (): Promise<number> => {
    await sleep(1_500);
    return lag.takeMaxSeconds();
  };
  // a machine that stands still for a second holds the loop too: not in every rest
  await expect.poll(rest, { timeout: 60_000, interval: 1 }).toBeLessThan(1);
  lag.stop();
});
