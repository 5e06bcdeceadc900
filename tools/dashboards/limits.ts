import { type Brake, BRAKE_WORDS } from '../../src/collector/slowness.ts';
import { bySenders, openOf, type Senders, sum } from './promql.ts';
import type { Line, Overrides } from './panels.ts';

const COLORS: Readonly<Record<Brake, string>> = {
  program: 'green',
  receiver: 'orange',
  send_buffer: 'purple',
  congestion: 'blue',
};
/** As in src/collector/slowness.ts: below it connections wait for their program most of the time. */
const BUSY_SHARE = 0.1;

/** What each value of the label `by` means, for people: the words of the page and of the commands. */
export const LIMITS_IN_WORDS: Overrides = Object.fromEntries(
  Object.entries(BRAKE_WORDS).map(([by, words]) => [
    by,
    [
      { id: 'displayName', value: words },
      { id: 'color', value: { mode: 'fixed', fixedColor: COLORS[by as Brake] } },
    ],
  ]),
);

const busyOf = (senders: Senders): string => sum(bySenders('kube_netc_edge_busy_seconds_total', senders));

/** The share of the senders' busy time that each limit has, 0 to 1. */
export function limitShares(senders: Senders): Line {
  const limited = sum(bySenders('kube_netc_edge_limited_seconds_total', senders), ['by']);
  return { expr: `${limited} / scalar(${busyOf(senders)})`, legend: '{{by}}' };
}

/** The largest of them; where connections are seldom busy, `program` and the share of the time in which they are not. */
export function mainLimit(senders: Senders): string {
  const idle = `1 - ${busyOf(senders)} / ${sum(openOf(senders))}`;
  const largest = `topk(1, ${limitShares(senders).expr}) and on () ${idle} <= ${1 - BUSY_SHARE}`;
  return `${largest} or label_replace(${idle} > ${1 - BUSY_SHARE}, "by", "program", "", "")`;
}
