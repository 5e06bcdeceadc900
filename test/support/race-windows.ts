import type { Edit } from './mutant.ts';

/**
 * The moments between two steps of the kernel programs at which another CPU may come in between. They last nanoseconds;
 * an object whose windows are stretched to many microseconds meets in seconds what else takes days. The object must
 * stay exact with all of them.
 */

/** hold() waits; stretch() does so now and then, so that there are walks and closes with and without it. */
const STRETCH = `#include "limits.h"
static int held(__u32 i, void *end)
{
	return bpf_ktime_get_ns() > *(__u64 *)end;
}

static __always_inline void hold(__u32 us)
{
	__u64 end = bpf_ktime_get_ns() + us * 1000;

	bpf_loop(1 << 20, held, &end, 0);
}

static __always_inline void stretch(__u32 us)
{
	if ((bpf_get_prandom_u32() & 3) == 0)
		hold(us);
}
`;

interface Window {
  readonly file: string;
  /** It lies before or after this text. */
  readonly at: string;
  readonly after: boolean;
  readonly us: number;
}

function before(file: string, at: string, us: number): Window {
  return { file: `kernel/${file}`, at, us, after: false };
}

function after(file: string, at: string, us: number): Window {
  return { file: `kernel/${file}`, at, us, after: true };
}

/** What every object with a stretched window needs. */
export const STRETCHABLE: Edit = {
  file: 'kernel/kube-netc.bpf.c',
  find: '#include "limits.h"\n',
  put: STRETCH,
};

/** Makes an object blind for the sockets of all network namespaces but these, so that nothing else is in its tables. */
export function only(netns: readonly number[]): Edit[] {
  const foreign = `#include "slots.bpf.h"
static __always_inline bool foreign(struct sock *sk)
{
	__u32 netns = read_netns(TRUSTED, sk);

	return ${netns.map((inode) => `netns != ${inode}`).join(' && ')};
}
`;
  const skip = '\tif (foreign(sk))\n\t\treturn 0;\n';
  const first = (file: string, at: string): Edit => ({ file: `kernel/${file}`, find: at, put: skip + at });
  return [
    { file: 'kernel/kube-netc.bpf.c', find: '#include "slots.bpf.h"\n', put: foreign },
    first(
      'tcp.bpf.c',
      '\tif (newstate != TCP_CLOSE && newstate != TCP_ESTABLISHED && newstate != TCP_LISTEN)\n',
    ),
    first('tcp.bpf.c', '\tif (newstate != TCP_SYN_SENT && newstate != TCP_LISTEN)\n'),
    first('boot.bpf.c', '\tstate = sk->__sk_common.skc_state;\n'),
  ];
}

/** Stretches a window now and then, to so many microseconds. */
export function stretched(name: WindowName, us: number = WINDOWS[name].us): Edit {
  return waiting(name, `stretch(${us});\n`);
}

/** Stretches it each time. */
export function held(name: WindowName, us: number): Edit {
  return waiting(name, `hold(${us});\n`);
}

function waiting(name: WindowName, wait: string): Edit {
  const { file, at, after: follows } = WINDOWS[name];
  return { file, find: at, put: follows ? at + wait : wait + at };
}

export const WINDOWS = {
  /** The walk holds the slot and has read nothing. */
  locked: before('walk.bpf.c', '\tstate = READ(how, sk, __sk_common.skc_state);\n', 40),
  /** It has read all, and not asked whether the socket has closed meanwhile. */
  read: before('walk.bpf.c', '\t/* Closed while we read?', 40),
  /** It believes what it has read, and has claimed nothing. */
  believed: before('walk.bpf.c', '\told = (__s64)(control.walk_now_ns', 40),
  /** It has claimed, and still holds the slot. */
  claimed: before(
    'walk.bpf.c',
    '\tif (__sync_val_compare_and_swap(&slot->sock, sock | SLOT_LOCKED, sock) != (sock | SLOT_LOCKED))\n\t\tfinish_close',
    40,
  ),
  /** Between what was sent and what of it was acknowledged. */
  acknowledging: before(
    'include/socket.bpf.h',
    '\tread_barrier();\n\tacked = READ(how, tp, bytes_acked);\n',
    40,
  ),
  /** Between what was acknowledged and how far that is. */
  advancing: before('include/socket.bpf.h', '\tread_barrier();\n\tuna = READ(how, tp, snd_una);\n', 40),
  /** Between segments sent and segments sent again. */
  retransmitting: before('include/socket.bpf.h', '\tt->retrans_bytes = READ(how, tp, bytes_retrans);\n', 40),
  /** Between what a socket has waited for and what it waits for now. */
  waiting: before('include/socket.bpf.h', '\tread_barrier();\n\tstart = READ(how, tp, chrono_start);\n', 40),
  /** Between what was received and whether the socket is quiet. */
  finishing: before('include/socket.bpf.h', '\tread_barrier();\n\tbusy = socket_busy(how, sk);\n', 40),
  /** Between that and whether the FIN is in what was received. */
  flagging: before('include/socket.bpf.h', '\tread_barrier();\n\tdone = fin_received(how, sk);\n', 40),
  /** Between the numbers that tell who opened a connection. */
  guessing: before('include/socket.bpf.h', '\t__u32 next = READ(how, tp, snd_nxt);\n', 40),
  /** The close has seen the lock, and not left its end yet. */
  seenLock: before('tcp.bpf.c', '\t\tif (bpf_map_update_elem(&handoff, &index, end, BPF_ANY)) {\n', 40),
  /** It has left its end, and not said so. */
  leftEnd: before(
    'tcp.bpf.c',
    '\t\tif (__sync_val_compare_and_swap(&slot->sock, sock | SLOT_LOCKED, sock | SLOT_LOCKED | SLOT_GONE) ==\n',
    40,
  ),
  /** The close has the slot for itself, and has not read what it has claimed. */
  leftTable: before('tcp.bpf.c', '\t\tbook = slot->book;\n\t\tload_claims(slot, index, &claimed);\n', 20),
  /** The slot of a socket that connects can be seen, and the socket's state is still the one before. */
  connecting: after(
    'tcp.bpf.c',
    '\t\ttake_slot(cookie, sk, bpf_skc_to_tcp_sock(sk), false, bpf_ktime_get_ns(), task);\n',
    20,
  ),
  /** A pass has looked at a socket that is older than the agent, and not taken its slot yet. */
  booting: before('boot.bpf.c', '\tif (take_slot(cookie, sk, tp, server, 0, task) >= 0)\n', 60),
  /** A flow was found in the hash, and its book's index not read yet. */
  lookedUp: before('include/books.bpf.h', '\ti = *(volatile __u32 *)index;\n', 60),
  /** A new book has its key, and is not in the hash yet. */
  newBook: before(
    'include/books.bpf.h',
    '\tif (bpf_map_update_elem(&flows, key, &index, BPF_NOEXIST) == 0) {\n',
    20,
  ),
  /** The close knows its book, and has added nothing. */
  adding: before('tcp.bpf.c', '\tclaim(book, claimed, &end->totals);\n', 60),
} as const satisfies Record<string, Window>;

export type WindowName = keyof typeof WINDOWS;
