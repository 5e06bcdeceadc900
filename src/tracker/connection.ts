import { ArrayLength, LiveRecord, Role } from '../abi/records.gen.ts';
import { TcpState } from './live-table.ts';

/** One open socket, for people: what a live record says, in full. Not for the hot path. */
export interface Connection {
  readonly state: string;
  readonly role: 'client' | 'server' | 'listener' | 'unknown';
  /** 16 bytes each, network order, IPv4 v4-mapped. */
  readonly localAddress: Uint8Array;
  readonly remoteAddress: Uint8Array;
  readonly localPort: number;
  readonly remotePort: number;
  readonly netns: number;
  readonly cgroupId: number;
  /** 0 and '': unknown. */
  readonly pid: number;
  readonly comm: string;
  readonly cookie: number;
  /** Since connect() or since the connection was established; null: older than the observer. */
  readonly ageMs: number | null;
  /** Since data last went either way; null for listeners. */
  readonly idleMs: number | null;
  readonly sentBytes: number;
  readonly receivedBytes: number;
  readonly ackedBytes: number;
  readonly sentSegs: number;
  readonly receivedSegs: number;
  readonly retransSegs: number;
  readonly retransBytes: number;
  /** Microseconds; null: not measured yet. */
  readonly rttUs: number | null;
  readonly rttvarUs: number | null;
  readonly minRttUs: number | null;
  /** connect() to ESTABLISHED; null: not known, or not the client. */
  readonly connectUs: number | null;
  readonly cwndSegs: number;
  readonly mssBytes: number;
  readonly deliveryRateBytes: number;
  /** Time with data to send; of that, limited by the receiver's window and by the send buffer. */
  readonly busyMs: number;
  readonly receiverLimitedMs: number;
  readonly sndbufLimitedMs: number;
  /** What it waited for longest while it had data to send; network: window, loss and round trip. null: it never had. */
  readonly limitedBy: LimitedBy | null;
  readonly sendQueueBytes: number;
  readonly receiveQueueBytes: number;
  /** Listeners: connections that wait for accept(), and their limit; null for others. */
  readonly backlog: number | null;
  readonly backlogMax: number | null;
  /** Listeners: packets of handshakes that it dropped since its birth, because the backlog was full above all; null for others. */
  readonly drops: number | null;
}

export type LimitedBy = 'receiver' | 'send buffer' | 'network';

const STATES: Readonly<Record<number, string>> = {
  [TcpState.established]: 'ESTABLISHED',
  [TcpState.synSent]: 'SYN_SENT',
  [TcpState.synRecv]: 'SYN_RECV',
  [TcpState.finWait1]: 'FIN_WAIT1',
  [TcpState.finWait2]: 'FIN_WAIT2',
  [TcpState.timeWait]: 'TIME_WAIT',
  [TcpState.close]: 'CLOSE',
  [TcpState.closeWait]: 'CLOSE_WAIT',
  [TcpState.lastAck]: 'LAST_ACK',
  [TcpState.listen]: 'LISTEN',
  [TcpState.closing]: 'CLOSING',
};

const NO_RTT = 0xffffffff; // the kernel's own: tcp_init_sock(), net/ipv4/tcp.c

/** @param records of a LiveTable that keeps them @param row of it @param nowNs CLOCK_MONOTONIC of the walk @param hz jiffies a second */
export function readConnection(records: Uint8Array, row: number, nowNs: number, hz: number): Connection {
  const at = row * LiveRecord.size;
  const view = new DataView(records.buffer, records.byteOffset + at, LiveRecord.size);
  const bytes = (field: keyof typeof ArrayLength.LiveRecord): Uint8Array =>
    records.slice(at + LiveRecord[field], at + LiveRecord[field] + ArrayLength.LiveRecord[field]);
  const state = view.getUint8(LiveRecord.state);
  const listens = state === TcpState.listen;
  return {
    state: STATES[state] ?? String(state),
    role: listens ? 'listener' : roleName(view.getUint8(LiveRecord.role)),
    localAddress: bytes('localAddr'),
    remoteAddress: bytes('remoteAddr'),
    localPort: view.getUint16(LiveRecord.localPort, true),
    remotePort: view.getUint16(LiveRecord.remotePort, true),
    netns: view.getUint32(LiveRecord.netns, true),
    cgroupId: u64(view, LiveRecord.cgroupId),
    pid: view.getUint32(LiveRecord.pid, true),
    comm: zeroTerminated(bytes('comm')),
    cookie: u64(view, LiveRecord.cookie),
    ...readTraffic(view),
    ...readQuality(view),
    ...readTimes(view, nowNs, hz),
    backlog: listens ? view.getUint32(LiveRecord.backlog, true) : null,
    backlogMax: listens ? view.getUint32(LiveRecord.backlogMax, true) : null,
    drops: listens ? view.getUint32(LiveRecord.drops, true) : null,
  };
}

type Traffic =
  'sentBytes' | 'receivedBytes' | 'ackedBytes' | 'sentSegs' | 'receivedSegs' | 'retransSegs' | 'retransBytes';

function readTraffic(view: DataView): Pick<Connection, Traffic> {
  return {
    sentBytes: u64(view, LiveRecord.sentBytes),
    receivedBytes: u64(view, LiveRecord.receivedBytes),
    ackedBytes: u64(view, LiveRecord.ackedBytes),
    sentSegs: view.getUint32(LiveRecord.sentSegs, true),
    receivedSegs: view.getUint32(LiveRecord.receivedSegs, true),
    retransSegs: view.getUint32(LiveRecord.retransSegs, true),
    retransBytes: u64(view, LiveRecord.retransBytes),
  };
}

type Quality =
  | 'rttUs'
  | 'rttvarUs'
  | 'minRttUs'
  | 'connectUs'
  | 'cwndSegs'
  | 'mssBytes'
  | 'deliveryRateBytes'
  | 'sendQueueBytes'
  | 'receiveQueueBytes';

function readQuality(view: DataView): Pick<Connection, Quality> {
  const minRtt = view.getUint32(LiveRecord.minRttUs, true);
  const srtt = view.getUint32(LiveRecord.srttUs, true);
  return {
    rttUs: srtt === 0 ? null : srtt,
    rttvarUs: srtt === 0 ? null : view.getUint32(LiveRecord.rttvarUs, true),
    minRttUs: minRtt === NO_RTT ? null : minRtt,
    connectUs: view.getUint32(LiveRecord.connectUs, true) || null,
    cwndSegs: view.getUint32(LiveRecord.cwndSegs, true),
    mssBytes: view.getUint32(LiveRecord.mssBytes, true),
    deliveryRateBytes: u64(view, LiveRecord.deliveryRateBytes),
    sendQueueBytes: view.getUint32(LiveRecord.sendQueueBytes, true),
    receiveQueueBytes: view.getUint32(LiveRecord.receiveQueueBytes, true),
  };
}

type Times = 'ageMs' | 'idleMs' | 'busyMs' | 'receiverLimitedMs' | 'sndbufLimitedMs' | 'limitedBy';

function readTimes(view: DataView, nowNs: number, hz: number): Pick<Connection, Times> {
  const ms = (offset: number): number => (view.getUint32(offset, true) * 1000) / hz;
  const bornNs = u64(view, LiveRecord.bornNs);
  const busyMs = ms(LiveRecord.busyJiffies);
  const receiverLimitedMs = ms(LiveRecord.receiverLimitedJiffies);
  const sndbufLimitedMs = ms(LiveRecord.sndbufLimitedJiffies);
  return {
    ageMs: bornNs === 0 ? null : Math.max(0, (nowNs - bornNs) / 1e6),
    idleMs: view.getUint8(LiveRecord.state) === TcpState.listen ? null : ms(LiveRecord.idleJiffies),
    busyMs,
    receiverLimitedMs,
    sndbufLimitedMs,
    limitedBy: busyMs > 0 ? longest(busyMs, receiverLimitedMs, sndbufLimitedMs) : null,
  };
}

function longest(busyMs: number, receiverMs: number, sndbufMs: number): LimitedBy {
  const networkMs = busyMs - receiverMs - sndbufMs;
  if (networkMs >= Math.max(receiverMs, sndbufMs)) return 'network';
  return receiverMs >= sndbufMs ? 'receiver' : 'send buffer';
}

function u64(view: DataView, offset: number): number {
  return Number(view.getBigUint64(offset, true));
}

function roleName(role: number): Connection['role'] {
  if (role === Role.ROLE_CLIENT) return 'client';
  return role === Role.ROLE_SERVER ? 'server' : 'unknown';
}

function zeroTerminated(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return Buffer.from(end < 0 ? bytes : bytes.subarray(0, end)).toString('utf8');
}
