import { expect, test } from 'vitest';
import type { Group } from '../../../src/expose/metric.ts';
import { Busy, PageMaker } from '../../../src/server/page-maker.ts';
import { FakePort, valuesOf } from './fake-port.ts';

const ALL = new Set<Group>(['connections', 'agent']);
const AGENT = new Set<Group>(['agent']);

function textOf(body: { chunks: readonly Uint8Array[] }): string {
  return Buffer.concat(body.chunks).toString();
}

test('one page is made at a time, each from blocks of its own', async () => {
  const port = new FakePort(2000);
  const pages = new PageMaker(port);
  const bodies = await Promise.all([
    pages.get(ALL, 'text', 'identity'),
    pages.get(ALL, 'openmetrics', 'identity'),
    pages.get(AGENT, 'text', 'identity'),
    pages.get(ALL, 'text', 'identity'), // shared with the first
  ]);
  expect(port.mostRunning).toBe(1);
  expect(port.calls).toHaveLength(3);
  expect(bodies[3]).toBe(bodies[0]);
  expect(bodies.map((body) => valuesOf(textOf(body)))).toEqual([['1'], ['2'], ['3'], ['1']]);
});

test('the order in which groups are named makes no other page', async () => {
  const pages = new PageMaker(new FakePort());
  const [a, b] = await Promise.all([
    pages.get(new Set<Group>(['agent', 'connections']), 'text', 'identity'),
    pages.get(ALL, 'text', 'identity'),
  ]);
  expect(a).toBe(b);
});

test('a gzip page and a plain one of the same moment are rendered once', async () => {
  const port = new FakePort();
  const pages = new PageMaker(port);
  await Promise.all([pages.get(ALL, 'text', 'gzip'), pages.get(ALL, 'text', 'identity')]);
  expect(port.calls).toHaveLength(1);
});

test('the memory of a page is used again when its last holder released it, not before', async () => {
  const pages = new PageMaker(new FakePort(2000));
  const [first, same] = await Promise.all([
    pages.get(ALL, 'text', 'identity'),
    pages.get(ALL, 'text', 'identity'),
  ]);
  const firstMemory = new Set(first.chunks.map(({ buffer }) => buffer));
  expect(pages.heldBytes).toBe(first.byteLength);
  first.release();
  const second = await pages.get(ALL, 'text', 'identity');
  expect(second.chunks.some(({ buffer }) => firstMemory.has(buffer))).toBe(false);
  expect(valuesOf(textOf(same))).toEqual(['1']);
  same.release();
  const third = await pages.get(ALL, 'text', 'identity');
  expect(third.chunks.every(({ buffer }) => firstMemory.has(buffer))).toBe(true);
  expect(valuesOf(textOf(second))).toEqual(['2']);
  second.release();
  third.release();
  expect(pages.heldBytes).toBe(0);
});

test('pages that nobody reads stop new ones, until they are released', async () => {
  const pages = new PageMaker(new FakePort(20_000)); // 11 MB a page
  const held = [];
  while (pages.heldBytes <= 64 * 2 ** 20) held.push(await pages.get(ALL, 'text', 'identity'));
  await expect(pages.get(ALL, 'text', 'identity')).rejects.toBeInstanceOf(Busy);
  await expect(pages.get(ALL, 'text', 'gzip')).rejects.toBeInstanceOf(Busy);
  for (const body of held) body.release();
  expect(valuesOf(textOf(await pages.get(ALL, 'text', 'identity')))).toHaveLength(1);
});

test('a page that fails fails for all who wait for it, and for nobody else', async () => {
  const port = new FakePort();
  const pages = new PageMaker(port);
  port.failure = new Error('no blocks');
  const waiting = await Promise.allSettled([
    pages.get(ALL, 'text', 'identity'),
    pages.get(ALL, 'text', 'identity'),
    pages.get(ALL, 'text', 'gzip'),
  ]);
  expect(waiting.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
  expect(port.calls).toHaveLength(1);
  port.failure = null;
  expect((await pages.get(ALL, 'text', 'identity')).byteLength).toBeGreaterThan(0);
});

test('what a page cost is told', async () => {
  const told: { samples: number; bytes: number; seconds: number }[] = [];
  const pages = new PageMaker(new FakePort(10), (statistics) => told.push(statistics));
  const page = await pages.get(ALL, 'text', 'identity');
  expect(told).toEqual([{ samples: 11, bytes: page.byteLength, seconds: expect.any(Number) }]);
});
