import { deepEqual } from 'node:assert/strict';
import type { Page } from '../../support/page.ts';
import { unlessSkipped } from './excuse.ts';
import type { Addresses } from './net.ts';
import type { Report } from './report.ts';

/** What went both ways at one end. */
export interface Bytes {
  readonly sentBytes: number;
  readonly receivedBytes: number;
}

/** Traffic between two addresses that nothing else has used, as the programs at both ends counted it. */
export interface Run {
  readonly name: string;
  readonly at: Addresses;
  readonly client: Bytes;
  readonly server: Bytes;
}

/** The same bytes as the other end counts them. */
export function mirrored({ sentBytes, receivedBytes }: Bytes): Bytes {
  return { sentBytes: receivedBytes, receivedBytes: sentBytes };
}

export function sumOf(ends: readonly Bytes[]): Bytes {
  const sum = (pick: (bytes: Bytes) => number): number => ends.reduce((all, bytes) => all + pick(bytes), 0);
  return { sentBytes: sum((b) => b.sentBytes), receivedBytes: sum((b) => b.receivedBytes) };
}

/** What the page calls a socket that is bound to no address: unconnected ones of UDP. */
const UNBOUND = ['0.0.0.0', '::'];

/** What the page says of one end. */
export function bytesOf(page: Page, source: string, remote: string): Bytes {
  return sumOf([source, ...UNBOUND].map((each) => page.pair(each, remote)));
}

/** The page must say of each run what its programs counted. @param skipped runs of programs that the kernel skipped, where that excuses */
export async function checkRuns(
  report: Report,
  what: string,
  runs: readonly Run[],
  page: Page,
  skipped: number,
): Promise<void> {
  const compare = (): string => {
    for (const { name, at, client, server } of runs) {
      deepEqual([name, bytesOf(page, at.client, at.server)], [name, client]);
      deepEqual([name, bytesOf(page, at.server, at.client)], [name, server]);
    }
    const all = sumOf(runs.flatMap(({ client, server }) => [client, server]));
    return `${runs.length} runs, ${all.sentBytes + all.receivedBytes} bytes`;
  };
  await report.check(`${what}: bytes at both ends`, () => unlessSkipped(skipped, compare));
}
