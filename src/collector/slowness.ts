/** What holds data up, as the label `by` says it; `program`: nothing does, there is little to send. */
export type Brake = 'program' | 'receiver' | 'send_buffer' | 'congestion';

/** Seconds of all connections of an edge, one way, over some time. */
export interface SendingTimes {
  /** In which connections were open. */
  readonly open: number;
  /** In which there was data that was not acknowledged. */
  readonly busy: number;
  /** Of these, held up by: */
  readonly receiver: number;
  readonly sendBuffer: number;
}

export interface Verdict {
  readonly brake: Brake;
  /** Of the busy time; of `program`, the idle part of the time in which connections were open. 0 to 1. */
  readonly share: number;
  /** For people, without a full stop. */
  readonly words: string;
}

/** Below it connections wait for their program most of the time. */
const BUSY_SHARE = 0.1;

export const BRAKE_WORDS: Readonly<Record<Brake, string>> = {
  program: 'the sender has little to send',
  receiver: 'the receiver does not read fast enough',
  send_buffer: "the sender's buffer is too small",
  congestion: 'the network: window, loss or distance',
};

/** Shares of the busy time, 0 to 1, that add up to 1; all 0 without busy time. */
export function shares({
  busy,
  receiver,
  sendBuffer,
}: SendingTimes): Record<Exclude<Brake, 'program'>, number> {
  if (!(busy > 0)) return { receiver: 0, send_buffer: 0, congestion: 0 };
  const whole = Math.max(busy, receiver + sendBuffer); // parts are read at two moments
  const [byReceiver, bySendBuffer] = [receiver / whole, sendBuffer / whole];
  return {
    receiver: byReceiver,
    send_buffer: bySendBuffer,
    congestion: Math.max(0, 1 - byReceiver - bySendBuffer),
  };
}

/** Why data on an edge does not go faster: the largest share says it. Null where nothing was open. */
export function whySlow(times: SendingTimes): Verdict | null {
  if (!(times.open > 0)) return null;
  const busyShare = times.busy / times.open;
  if (busyShare < BUSY_SHARE) return verdict('program', 1 - busyShare);
  const parts = Object.entries(shares(times)) as [Brake, number][];
  const [brake, share] = parts.reduce((most, part) => (part[1] > most[1] ? part : most));
  return verdict(brake, share);
}

function verdict(brake: Brake, share: number): Verdict {
  return { brake, share, words: BRAKE_WORDS[brake] };
}
