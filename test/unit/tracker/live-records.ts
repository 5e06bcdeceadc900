import { LiveRecord, Role } from '../../../src/abi/records.gen.ts';
import { TcpState } from '../../../src/tracker/live-table.ts';

type Field = Exclude<keyof typeof LiveRecord, 'size' | 'localAddr' | 'remoteAddr' | 'comm'>;

/** A live record: numbers of any field; what is not given is 0, but the socket is an established server. */
export interface LiveFields extends Partial<Readonly<Record<Field, number | bigint>>> {
  readonly localAddr?: readonly number[];
  readonly remoteAddr?: readonly number[];
  readonly comm?: string;
}

const WIDE = new Set<string>([
  'cookie',
  'bornNs',
  'sentBytes',
  'receivedBytes',
  'ackedBytes',
  'retransBytes',
  'cgroupId',
  'deliveryRateBytes',
]);
const PORTS = new Set<string>(['localPort', 'remotePort']);
const BYTES = new Set<string>(['state', 'role', 'protocol', 'reserved']);
const DEFAULTS: LiveFields = { cookie: 1, state: TcpState.established, role: Role.ROLE_SERVER, protocol: 6 };

/** The memory of the map `records` after a step of a walk, written by hand instead of by the kernel. */
export function liveRecords(records: readonly LiveFields[]): Uint32Array {
  const view = new DataView(new ArrayBuffer(records.length * LiveRecord.size));
  records.forEach((fields, i) => write(view, i * LiveRecord.size, { ...DEFAULTS, ...fields }));
  return new Uint32Array(view.buffer);
}

function write(view: DataView, at: number, fields: LiveFields): void {
  const bytes = new Uint8Array(view.buffer);
  for (const [name, value] of Object.entries(fields) as [keyof LiveFields, number | bigint | string][]) {
    const offset = at + LiveRecord[name];
    if (name === 'localAddr' || name === 'remoteAddr') bytes.set(fields[name] ?? [], offset);
    else if (name === 'comm') bytes.set(Buffer.from(String(value)).subarray(0, 16), offset);
    else if (WIDE.has(name)) view.setBigUint64(offset, BigInt(value), true);
    else if (PORTS.has(name)) view.setUint16(offset, Number(value), true);
    else if (BYTES.has(name)) view.setUint8(offset, Number(value));
    else view.setUint32(offset, Number(value), true);
  }
}
