import { expect, test } from 'vitest';
import type { Credentials } from '../../../../src/cluster/api/api-config.ts';
import { TlsContext } from '../../../../src/cluster/api/tls-context.ts';
import { Turns } from '../../../../src/util/turns.ts';

const none: Credentials = { ca: undefined, cert: undefined, key: undefined, authorization: null };

test('connections that begin together share what they are made with', async () => {
  const contexts = new TlsContext(new Turns());
  const all = await Promise.all([1, 2, 3, 4].map(() => contexts.for(none)));
  expect(new Set(all).size).toBe(1);
  expect(await contexts.for({ ...none, authorization: 'Bearer another' })).toBe(all[0]);
});

test('another authority makes it anew', async () => {
  const contexts = new TlsContext(new Turns());
  const before = await contexts.for({ ...none, ca: '# none yet' });
  const after = await contexts.for(none);
  expect(after).not.toBe(before);
  expect(await contexts.for(none)).toBe(after);
});

test('what cannot be read is said each time, and does not stay', async () => {
  const contexts = new TlsContext(new Turns());
  const bad = { ...none, cert: 'no certificate', key: 'no key' };
  await expect(contexts.for(bad)).rejects.toThrow();
  await expect(contexts.for(bad)).rejects.toThrow();
  await expect(contexts.for(none)).resolves.toBeDefined();
});
