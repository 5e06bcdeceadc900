import { Socket } from 'node:net';
import { beforeEach, expect, test } from 'vitest';
import { Connections } from '../../../src/server/connections.ts';

const MAX = 256;
let refused: string[];
let connections: Connections;

beforeEach(() => {
  refused = [];
  connections = new Connections((reason) => refused.push(reason));
});

function come(count: number): Socket[] {
  return Array.from({ length: count }, () => {
    const socket = new Socket();
    connections.add(socket);
    return socket;
  });
}

test('one too many takes the place of whoever has waited for longest, not of who is being answered', () => {
  const [first, second, third] = come(MAX) as [Socket, Socket, Socket];
  connections.asked(first);
  come(1);
  expect([first, second, third].map(({ destroyed }) => destroyed)).toEqual([false, true, false]);
  expect(refused).toEqual(['idle']);
});

test('who has been answered waits again, behind the others', () => {
  const [first, second] = come(MAX) as [Socket, Socket];
  connections.asked(first);
  connections.asked(first); // the next request, before the answer to the one before
  connections.answered(first);
  connections.answered(first);
  come(1);
  expect([first.destroyed, second.destroyed]).toEqual([false, true]);
  come(MAX - 1);
  expect(first.destroyed).toBe(true);
});

test('while all are being answered one more is turned away', () => {
  const all = come(MAX);
  for (const socket of all) connections.asked(socket);
  const [late] = come(1);
  expect(late?.destroyed).toBe(true);
  expect(all.some(({ destroyed }) => destroyed)).toBe(false);
  expect(refused).toEqual(['connections']);
});

test('who is gone leaves a place, whatever was under way', async () => {
  const all = come(MAX);
  for (const socket of all) connections.asked(socket);
  for (const socket of all.slice(0, 2)) {
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.destroy();
    await closed;
    connections.answered(socket);
  }
  expect(come(2).every(({ destroyed }) => !destroyed)).toBe(true);
  expect(come(1)[0]?.destroyed).toBe(false); // one of those two makes room
  expect(refused).toEqual(['idle']);
});
