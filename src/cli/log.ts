import { fstatSync } from 'node:fs';
import { type DestinationStream, type Logger, pino } from 'pino';
import { LogStream } from './log-stream.ts';

export type Verbosity = 'debug' | 'info' | 'warn' | 'error';

export interface Log {
  readonly log: Logger;
  /** Lines that were dropped since nobody read them, so far. */
  readonly linesLost: () => number;
}

/** JSON lines on stderr; on a terminal, where the pretty printer is installed (development), text. */
export async function makeLogger(level: Verbosity): Promise<Log> {
  const to = await destination();
  const linesLost = (): number => (to instanceof LogStream ? to.lost : 0);
  return { log: pino({ level, base: null }, to), linesLost };
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
