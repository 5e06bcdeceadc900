import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { AfterWork } from '../../../src/cli/after-work.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test('a moment after work something is done, once for all work until then', () => {
  const action = vi.fn<() => void>();
  const after = new AfterWork(action);
  vi.advanceTimersByTime(60_000);
  expect(action).not.toHaveBeenCalled(); // there was no work
  after.worked();
  vi.advanceTimersByTime(1_000);
  after.worked();
  expect(action).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1_000);
  expect(action).toHaveBeenCalledTimes(1);
  vi.advanceTimersByTime(60_000);
  expect(action).toHaveBeenCalledTimes(1);
});

test('it is done some times a minute, however much work there is', () => {
  const action = vi.fn<() => void>();
  const after = new AfterWork(action);
  for (let ms = 0; ms < 60_000; ms += 500) {
    after.worked();
    vi.advanceTimersByTime(500);
  }
  expect(action).toHaveBeenCalledTimes(6);
});

test('it is not done any more when all has ended', () => {
  const action = vi.fn<() => void>();
  const after = new AfterWork(action);
  after.worked();
  after.stop();
  vi.advanceTimersByTime(60_000);
  expect(action).not.toHaveBeenCalled();
});
