import { delimiter, join } from 'node:path';
import { defineConfig } from 'vitest/config';

/** Programs that the set-up unpacked beside the tree instead of installing them: see tools/setup.sh. */
const toolsBin = join(import.meta.dirname, '.cache/tools/bin');
const env = { PATH: [process.env['PATH'], toolsBin].join(delimiter) };

/** Tests that make namespaces and traffic: real time, few at once; what they poll for comes when a busy machine gets to it. */
const onTheMachine = {
  env,
  expect: { poll: { timeout: 60_000, interval: 20 } },
  testTimeout: 300_000,
  hookTimeout: 300_000,
  teardownTimeout: 30_000,
  maxWorkers: 2,
};

export default defineConfig({
  test: {
    pool: 'forks',
    projects: [
      { test: { name: 'unit', include: ['test/unit/**/*.test.ts'], env, testTimeout: 120_000 } },
      { test: { name: 'kernel', include: ['test/kernel/**/*.test.ts'], ...onTheMachine } },
      { test: { name: 'e2e', include: ['test/e2e/**/*.test.ts'], ...onTheMachine } },
      {
        test: {
          name: 'cluster',
          include: ['test/cluster/**/*.test.ts'],
          exclude: ['test/cluster/one-node*.test.ts'],
          ...onTheMachine,
        },
      },
      // long, and not part of npm test: npm run test:cluster and npm run test:guards
      // one cluster at a time in a checkout
      {
        test: {
          name: 'onenode',
          include: ['test/cluster/one-node*.test.ts'],
          ...onTheMachine,
          maxWorkers: 1,
        },
      },
      { test: { name: 'guards', include: ['test/guards/**/*.test.ts'], ...onTheMachine } },
      // needs what npm run image has built, and not part of npm test either: npm run test:image
      { test: { name: 'image', include: ['test/image/**/*.test.ts'], ...onTheMachine } },
      { test: { name: 'vm', include: ['test/vm/**/*.test.ts'], ...onTheMachine } },
    ],
  },
});
