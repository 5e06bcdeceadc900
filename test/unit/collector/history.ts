import fc from 'fast-check';
import { Role } from '../../../src/abi/records.gen.ts';
import { TcpState } from '../../../src/tracker/live-table.ts';
import type { Machine, Reader, Spec } from './machine.ts';

/** Something that happens on a machine. */
export type Happening =
  | { readonly kind: 'transfer'; readonly spec: Spec; readonly sent: number; readonly received: number }
  | { readonly kind: 'fail'; readonly spec: Spec; readonly failure: number }
  | {
      readonly kind: 'connect';
      readonly spec: Spec;
      readonly remotePort: number;
      readonly state: 'open' | 'handshake' | 'listens';
      readonly older: boolean;
    }
  | { readonly kind: 'talk'; readonly socket: number; readonly sent: number; readonly received: number }
  | { readonly kind: 'close'; readonly socket: number };

/** What happens up to a snapshot and, between its walk and its reading of the books, in it. */
export interface Chapter {
  readonly before: readonly Happening[];
  readonly seconds: number;
  readonly late: readonly Happening[];
  /** The owner whose name changes; 0: nobody's. */
  readonly renamed: number;
}

const spec = fc.record({
  owner: fc.integer({ min: 0, max: 2 }),
  role: fc.constantFrom(Role.ROLE_CLIENT, Role.ROLE_SERVER, Role.ROLE_UNKNOWN),
  local: fc.integer({ min: 1, max: 2 }),
  remote: fc.integer({ min: 0, max: 3 }),
  port: fc.constantFrom(80, 443, 0),
  protocol: fc.constantFrom(6, 6, 6, 17),
  netns: fc.integer({ min: 1, max: 2 }),
});
const server = spec.map((of) => ({ ...of, role: Role.ROLE_SERVER, protocol: 6, remote: of.remote || 1 }));
const anySocket = fc.oneof(
  { arbitrary: server, weight: 3 },
  { arbitrary: spec.map((of) => ({ ...of, protocol: 6 })), weight: 1 },
);
const bytes = fc.oneof(
  fc.integer({ min: 0, max: 9 }),
  fc.integer({ min: 0, max: 1_000_000 }),
  fc.constant(7),
);
const state = fc.constantFrom<'open' | 'handshake' | 'listens'>('open', 'open', 'handshake', 'listens');
const socket = fc.nat(30);

const happening: fc.Arbitrary<Happening> = fc.oneof(
  fc.record({ kind: fc.constant('transfer' as const), spec, sent: bytes, received: bytes }),
  fc.record({
    kind: fc.constant('fail' as const),
    spec: spec.map((of) => ({ ...of, protocol: 6 })),
    failure: fc.nat(4),
  }),
  fc.record({
    kind: fc.constant('connect' as const),
    spec: anySocket,
    remotePort: fc.integer({ min: 79, max: 81 }),
    state,
    older: fc.boolean(),
  }),
  fc.record({ kind: fc.constant('talk' as const), socket, sent: bytes, received: bytes }),
  fc.record({ kind: fc.constant('talk' as const), socket, sent: bytes, received: bytes }),
  fc.record({ kind: fc.constant('close' as const), socket }),
);

const happenings = fc.array(happening, { maxLength: 8 });

/** Random histories of a machine. @param renames whether names of owners change */
export function histories(renames: boolean): fc.Arbitrary<Chapter[]> {
  const chapter = fc.record({
    before: happenings,
    seconds: fc.constantFrom(0, 1, 1, 5, 19, 25, 90),
    late: fc.array(happening, { maxLength: 2 }),
    renamed: renames ? fc.constantFrom(0, 0, 1, 2) : fc.constant(0),
  });
  return fc.array(chapter, { minLength: 1, maxLength: 14 });
}

function stateOf({ state: of, spec: { role } }: Happening & { kind: 'connect' }): number {
  if (of === 'handshake') return role === Role.ROLE_SERVER ? TcpState.synRecv : TcpState.synSent;
  return of === 'open' ? TcpState.established : TcpState.listen;
}

function happen(machine: Machine, what: Happening): void {
  if (what.kind === 'transfer') machine.transfer(what.spec, what.sent, what.received);
  if (what.kind === 'fail') machine.fail(what.spec, what.failure);
  if (what.kind === 'connect') machine.connect(what.spec, what.remotePort, stateOf(what), what.older);
  const { sockets } = machine;
  const one = 'socket' in what ? sockets[what.socket % Math.max(1, sockets.length)] : undefined;
  if (!one || one.state === TcpState.listen) return;
  if (what.kind === 'talk') machine.talk(one, what.sent, what.received);
  if (what.kind === 'close') machine.close(one);
}

/** Lets it all happen, with a snapshot at the end of each chapter. */
export function live(machine: Machine, history: readonly Chapter[], reader: Reader): void {
  for (const chapter of history) {
    for (const what of chapter.before) happen(machine, what);
    machine.nowNs += chapter.seconds * 1e9 + 1;
    if (chapter.renamed > 0) machine.identity.of.set(chapter.renamed, `name at ${machine.nowNs}`);
    machine.identity.changed = chapter.renamed > 0;
    machine.snapshot(reader, () => {
      for (const what of chapter.late) happen(machine, what);
    });
  }
}
