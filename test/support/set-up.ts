import { afterAll, beforeAll, beforeEach } from 'vitest';

/**
 * Opens what the tests of a describe() share before the first of them, and closes it after the last.
 * @param skip why there can be no such tests here: all are skipped then, and nothing is opened; null: they run
 * @param open gives what it opens to `closing` at once: that is closed even if what comes next fails, the last first
 */
export function setUp(skip: string | null, open: (closing: AsyncDisposableStack) => Promise<void>): void {
  const closing = new AsyncDisposableStack();
  beforeEach((context) => {
    if (skip !== null) context.skip(skip);
  });
  beforeAll(async () => {
    if (skip === null) await open(closing);
  });
  afterAll(async () => closing.disposeAsync());
}
