import { fstatSync } from 'node:fs';
import { type DestinationStream, type Logger, pino } from 'pino';
import { LogStream } from './log-stream.ts';

export type Verbosity = 'debug' | 'info' | 'warn' | 'error';

/** JSON lines on stderr; on a terminal, where the pretty printer is installed (development), text. */
export async function makeLogger(level: Verbosity): Promise<Logger> {
  return pino({ level, base: null }, await destination());
}

async function destination(): Promise<DestinationStream> {
  if (process.stderr.isTTY) {
    try {
      const { default: pretty } = await import('pino-pretty');
      return pretty({ destination: 2, sync: true, translateTime: 'HH:MM:ss', ignore: 'pid,hostname' });
    } catch {
      // not installed: JSON lines will do
    }
  }
  const behind = fstatSync(2);
  if (behind.isFIFO() || behind.isSocket()) return new LogStream(process.stderr);
  return pino.destination({ dest: 2, sync: true });
}
