// An agent that ends in the middle of a history, and the next one: both tell every byte that they can know of.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TcpState } from '../../../src/tracker/live-table.ts';
import { type Chapter, histories, live } from './history.ts';
import { Page, sum } from './series-page.ts';

interface Bytes {
  readonly sent: number;
  readonly received: number;
}

/** Plays a part of a history. Pages have what was booked, and none has less than the one before. */
function play(page: Page, history: readonly Chapter[]): void {
  let before: Bytes = { sent: 0, received: 0 };
  live(page.machine, history, {
    forget: (row) => page.forget(row),
    read: (nowNs) => {
      const now = shown(page, nowNs);
      expect(now).toEqual(page.machine.booked);
      expect(now.sent).toBeGreaterThanOrEqual(before.sent);
      expect(now.received).toBeGreaterThanOrEqual(before.received);
      before = now;
    },
  });
}

function shown(page: Page, nowNs: number): Bytes {
  page.read(nowNs);
  const series = page.shown();
  return { sent: sum(series, 'sent'), received: sum(series, 'received') };
}

/** What the kernel knows of all sockets that are open. */
function living({ machine }: Page): Bytes {
  const of = machine.sockets.filter(({ state }) => state !== TcpState.listen);
  return {
    sent: of.reduce((all, { sent, moreSent }) => all + sent + moreSent, 0),
    received: of.reduce((all, { received, moreReceived }) => all + received + moreReceived, 0),
  };
}

/** The next agent on the same machine: its books are empty, and the open sockets are older than it. */
function restart(page: Page, budget: number): Page {
  const next = new Page(budget);
  const { machine } = next;
  machine.nowNs = page.machine.nowNs;
  for (const socket of page.machine.sockets) {
    machine.connect(socket.spec, socket.remotePort, socket.state, true);
    const taken = machine.sockets.at(-1);
    if (taken === undefined) continue;
    taken.moreSent = socket.sent + socket.moreSent;
    taken.moreReceived = socket.received + socket.moreReceived;
  }
  return next;
}

describe('whenever an agent is started anew', () => {
  test('its first page has the true totals of all open sockets, and nothing is counted twice after it', () => {
    const budgets = fc.integer({ min: 1, max: 20 });
    fc.assert(
      fc.property(histories(false), histories(false), histories(true), budgets, (a, b, c, budget) => {
        let page = new Page(budget);
        play(page, a);
        for (const history of [b, c]) {
          const known = living(page);
          page = restart(page, budget);
          page.machine.snapshot({
            forget: (row) => page.forget(row),
            read: (nowNs) => expect(shown(page, nowNs)).toEqual(known),
          });
          play(page, history);
        }
      }),
      { numRuns: 150 },
    );
  });
});
