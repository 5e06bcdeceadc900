import { PassThrough } from 'node:stream';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { LogStream } from '../../../src/cli/log-stream.ts';

interface Line {
  readonly level: number;
  readonly msg: string;
}

/** Reads all that waits, until there is nothing more, and then no more. */
async function readAll(from: PassThrough): Promise<Line[]> {
  let text = '';
  from.on('data', (data: Buffer) => (text += data.toString())).resume();
  for (let size = -1; size !== text.length;) {
    size = text.length;
    await new Promise((resolve) => setImmediate(resolve));
  }
  from.removeAllListeners('data').pause();
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);
}

test('lines go out whole and in order', async () => {
  const pipe = new PassThrough();
  const log = pino({ base: null }, new LogStream(pipe));
  for (let i = 0; i < 100; i++) log.info(`line ${i}`);
  const lines = await readAll(pipe);
  expect(lines.map(({ msg }) => msg)).toEqual(Array.from({ length: 100 }, (_, i) => `line ${i}`));
});

test('while nobody reads, a bounded number is kept, the others are counted, and the reader is told each time', async () => {
  const pipe = new PassThrough();
  const stream = new LogStream(pipe);
  const log = pino({ base: null }, stream);
  for (let i = 0; i < 10_000; i++) log.info(`line ${i} ${'x'.repeat(100)}`);
  expect(pipe.writableLength + pipe.readableLength).toBeLessThan(400 * 1024);
  const { lost } = stream;
  expect(lost).toBeGreaterThan(5_000);
  const lines = await readAll(pipe);
  expect(lines).toHaveLength(10_000 - lost + 1);
  expect(lines.at(-1)).toMatchObject({
    level: 40,
    msg: `${lost} lines of this log are lost: nobody read it`,
  });
  for (let i = 0; i < 10_000; i++) log.info(`line ${i} ${'x'.repeat(100)}`);
  const again = stream.lost - lost;
  expect(again).toBeGreaterThan(5_000);
  expect((await readAll(pipe)).at(-1)?.msg).toBe(`${again} lines of this log are lost: nobody read it`);
});

test('a reader that is gone ends nothing', () => {
  const pipe = new PassThrough();
  const log = pino({ base: null }, new LogStream(pipe));
  pipe.destroy(new Error('EPIPE'));
  log.info('into the void');
  expect(pipe.destroyed).toBe(true);
});
