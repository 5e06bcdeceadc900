import type { Edit } from './mutant.ts';
import type { ScenarioName } from './race-scenarios.ts';
import { held, stretched, type WindowName } from './race-windows.ts';

/** A guard against a race: what its removal is, where its absence is looked for, and in which windows. */
export interface Guard {
  readonly name: string;
  readonly scenario: ScenarioName;
  readonly windows: readonly Edit[];
  /** Of kernel/, or of src/tracker/flow-table.ts. */
  readonly removal: readonly Edit[];
}

function edit(file: string, find: string, put: string): Edit {
  return { file: `kernel/${file}`, find, put };
}

function widen(...names: readonly WindowName[]): Edit[] {
  return names.map((name) => stretched(name));
}

const WALK_BLOCK = 'static __always_inline int walk_block(';
const WALK_ONE = '\t\tspent += how == CAST ? walk_slot_cast(index) : walk_slot_probe(index);\n';

/** Reads each slot many times in a row: for windows that are in the kernel itself, and cannot be stretched. */
const HAMMER: readonly Edit[] = [
  edit(
    'walk.bpf.c',
    WALK_BLOCK,
    `static int walk_again(__u32 n, void *index)
{
	__u32 records = control.walk_records;

	walk_slot_cast(*(__u32 *)index);
	control.walk_records = records;
	return 0;
}

${WALK_BLOCK}`,
  ),
  edit('walk.bpf.c', WALK_ONE, `\t\tbpf_loop(64, walk_again, &index, 0);\n${WALK_ONE}`),
];

/** As if the kernel did not have the tracepoint. */
const WITHOUT_DESTROY = edit(
  'tcp.bpf.c',
  '\tif (cookie)\n\t\tindex = find_slot_among(',
  '\tif (0)\n\t\tindex = find_slot_among(',
);

/** Reads what is acknowledged, and how far that is, until the two do not fit: the kernel is between them for 1 ns. */
const SPIN = edit(
  'include/socket.bpf.h',
  '\tuna = READ(how, tp, snd_una);\n',
  `\tuna = READ(how, tp, snd_una);
	for (int i = 0; i < 64; i++) {
		__u64 more = READ(how, tp, bytes_acked);
		__u32 further;

		read_barrier();
		further = READ(how, tp, snd_una);
		if ((__s32)((__u32)(more - acked) - (further - una)) > 0) {
			acked = more;
			una = further;
		}
	}
`,
);

const CLOSED_MEANWHILE = '\tif (*(volatile __u64 *)&slot->sock != (sock | SLOT_LOCKED)) {\n';
const LEAVE_END = '\t\tif (bpf_map_update_elem(&handoff, &index, end, BPF_ANY)) {\n';

/** Between a walk and a close. */
const CLOSE_GUARDS: readonly Guard[] = [
  {
    name: 'a close leaves a slot that a walk holds to the walk',
    scenario: 'churn',
    windows: widen('believed', 'claimed'),
    removal: [
      edit(
        'tcp.bpf.c',
        '\t\tif (__sync_val_compare_and_swap(&slot->sock, sock, 0) == sock)\n\t\t\treturn 0;\n',
        '\t\tpublish(&slot->sock, 0);\n\t\treturn 0;\n',
      ),
    ],
  },
  {
    name: 'a walk finishes with what the close left, not with what it has read',
    scenario: 'churn',
    windows: widen('locked'),
    removal: [
      edit(
        'walk.bpf.c',
        CLOSED_MEANWHILE,
        `${CLOSED_MEANWHILE}
		struct end *left = bpf_map_lookup_elem(&handoff, &index);

		if (left) {
			left->key = key;
			left->totals = now;
		}
`,
      ),
    ],
  },
  {
    name: 'a walk asks whether the socket has closed before it believes what it has read',
    scenario: 'reuse',
    windows: widen('locked'),
    removal: [edit('walk.bpf.c', CLOSED_MEANWHILE, '\tif (0) {\n')],
  },
  {
    name: 'a walk finishes for a close that came after it asked',
    scenario: 'churn',
    windows: widen('believed'),
    removal: [
      edit(
        'walk.bpf.c',
        'sock | SLOT_LOCKED, sock) != (sock | SLOT_LOCKED))\n\t\tfinish_close(slot, index);\n',
        'sock | SLOT_LOCKED, sock) != (sock | SLOT_LOCKED))\n\t\tfree_slot(slot);\n',
      ),
    ],
  },
  {
    name: 'a close leaves its end before it says so',
    scenario: 'churn',
    windows: widen('believed'),
    removal: [
      edit(
        'tcp.bpf.c',
        LEAVE_END,
        `\t\tif (__sync_val_compare_and_swap(&slot->sock, sock | SLOT_LOCKED, sock | SLOT_LOCKED | SLOT_GONE) ==
		    (sock | SLOT_LOCKED)) {
			hold(60);
			bpf_map_update_elem(&handoff, &index, end, BPF_ANY);
			return 1;
		}
${LEAVE_END}`,
      ),
    ],
  },
  {
    name: 'a close tries again when the walk lets go meanwhile',
    scenario: 'churn',
    windows: widen('believed', 'seenLock', 'leftEnd'),
    removal: [edit('tcp.bpf.c', 'i < LEAVE_TRIES', 'i < 1')],
  },
  {
    name: 'a slot that waits for a walk to finish is not found again',
    scenario: 'reuse',
    windows: [stretched('claimed', 2000)],
    removal: [edit('include/slots.bpf.h', ' && !(sock & SLOT_GONE))', ')')],
  },
  {
    name: 'a slot is taken by one socket alone',
    scenario: 'crowd',
    windows: [],
    removal: [
      edit(
        'include/slots.bpf.h',
        '\t\tif (slot->cookie || __sync_val_compare_and_swap(&slot->cookie, 0, cookie))\n\t\t\tcontinue;\n',
        `\t\tif (slot->cookie)
			continue;
		hold(100);
		slot->cookie = cookie;
`,
      ),
    ],
  },
  {
    name: 'the state of a socket that just began to connect may still be CLOSE',
    scenario: 'churn',
    windows: widen('connecting'),
    removal: [edit('walk.bpf.c', '(state == TCP_CLOSE && begun && old)', 'state == TCP_CLOSE')],
  },
  {
    name: 'a connection that a walk has counted as opened is not counted again',
    scenario: 'churn',
    windows: [],
    removal: [edit('tcp.bpf.c', '\t\tif (!(index & BOOK_OPENED)) {\n', '\t\tif (1) {\n')],
  },
];

/** Between a walk and the kernel at work on the socket. */
const READ_GUARDS: readonly Guard[] = [
  {
    name: 'a FIN is held back while the socket is locked',
    scenario: 'close',
    windows: HAMMER,
    removal: [edit('include/socket.bpf.h', 'received && (done || busy) ?', 'received && done ?')],
  },
  {
    name: 'a FIN that came after the bytes were read is not taken from nothing',
    scenario: 'churn',
    windows: widen('finishing'),
    removal: [edit('include/socket.bpf.h', 'received && (done || busy) ?', 'done || (received && busy) ?')],
  },
  {
    name: 'an acknowledgement under way is not counted twice',
    scenario: 'close',
    windows: [...HAMMER, SPIN],
    removal: [
      edit('include/socket.bpf.h', 'settled = !busy && una == READ(how, tp, snd_una);', 'settled = true;'),
    ],
  },
  {
    name: 'our FIN may be in what is acknowledged',
    scenario: 'churn',
    windows: widen('acknowledging'),
    removal: [
      edit(
        'include/socket.bpf.h',
        'sent_payload(acked, 0, role, closes(later))',
        'sent_payload(acked, 0, role, false)',
      ),
    ],
  },
  {
    name: 'the state is read again after snd_nxt',
    scenario: 'churn',
    windows: widen('acknowledging', 'advancing'),
    removal: [
      edit('include/socket.bpf.h', '\tlater = READ(how, sk, __sk_common.skc_state);\n', '\tlater = state;\n'),
    ],
  },
  {
    name: 'before there are sequence numbers nothing was sent',
    scenario: 'churn',
    windows: widen('acknowledging'),
    removal: [
      edit(
        'include/socket.bpf.h',
        '\tif (state == TCP_SYN_SENT)\n\t\tt->sent_bytes',
        '\tif (later == TCP_SYN_SENT)\n\t\tt->sent_bytes',
      ),
    ],
  },
  {
    name: 'segments are read before what of them was sent again',
    scenario: 'loss',
    windows: [held('retransmitting', 1000)],
    removal: [
      edit(
        'include/socket.bpf.h',
        '\tsegs = READ(how, tp, segs_out);\n',
        '\tt->retrans_segs = READ(how, tp, total_retrans);\n',
      ),
      edit(
        'include/socket.bpf.h',
        '\tt->retrans_segs = READ(how, tp, total_retrans);\n\tt->sent_segs',
        '\tsegs = READ(how, tp, segs_out);\n\tt->sent_segs',
      ),
    ],
  },
  {
    name: 'what is claimed is remembered, not what was read',
    scenario: 'close',
    windows: HAMMER,
    removal: [
      edit('walk.bpf.c', '\tstore_claims(slot, index, &claimed);\n', '\tstore_claims(slot, index, now);\n'),
    ],
  },
  {
    name: 'claims never go down',
    scenario: 'trickle',
    windows: [],
    removal: [
      edit('include/books.bpf.h', 'return now > claimed ? now - claimed : 0;', 'return now - claimed;'),
    ],
  },
  {
    name: 'the role is the one that the socket had when it was established',
    scenario: 'churn',
    windows: widen('guessing'),
    removal: [
      edit(
        'walk.bpf.c',
        '\trole = slot_role(sock, state);\n',
        '\trole = opened_by_us(how, tp, state) == 1 ? ROLE_CLIENT : ROLE_SERVER;\n',
      ),
    ],
  },
];

/** Of the times that a socket was busy. */
const TIME_GUARDS: readonly Guard[] = [
  {
    name: 'a time that was claimed is not claimed again',
    scenario: 'busy',
    windows: [],
    removal: [edit('include/slots.bpf.h', '\t\tkept->claimed_busy_jiffies = t->busy_jiffies;\n', '')],
  },
  {
    name: 'a socket that is connected again does not bring the time that it was busy before',
    scenario: 'reuse',
    windows: [],
    removal: [
      edit('include/slots.bpf.h', '\tif (tp && born_ns)\n\t\tread_times(', '\tif (0)\n\t\tread_times('),
    ],
  },
  {
    name: 'what a socket waits for now began when what it has waited for ended',
    scenario: 'close',
    windows: widen('waiting'),
    removal: [
      edit('include/socket.bpf.h', '\tstart = READ(how, tp, chrono_start);\n', ''),
      edit(
        'include/socket.bpf.h',
        '\tnext = READ(how, tp, snd_nxt);\n',
        '\tnext = READ(how, tp, snd_nxt);\n\tstart = READ(how, tp, chrono_start);\n',
      ),
      edit(
        'include/socket.bpf.h',
        'state != TCP_CLOSE && start == READ(how, tp, chrono_start) &&\n',
        'state != TCP_CLOSE &&\n',
      ),
    ],
  },
];

/** Between the pass for older sockets and what these do. */
const START_GUARDS: readonly Guard[] = [
  {
    name: 'the role of an older socket is believed if it is told twice, and the socket rests',
    scenario: 'busy',
    windows: [held('guessing', 20)],
    removal: [
      edit('boot.bpf.c', 'if (first != second || (busy &&', 'if (0 && (busy &&'),
      edit(
        'boot.bpf.c',
        '\tif (first == 0 || first == 1)\n\t\treturn first ? ROLE_CLIENT : ROLE_SERVER;\n',
        '\treturn first == 1 ? ROLE_CLIENT : ROLE_SERVER;\n',
      ),
    ],
  },
  {
    name: 'an older socket that closed before its slot was taken, and goes, has been counted',
    scenario: 'older',
    windows: [held('booting', 300)],
    removal: [
      edit(
        'tcp.bpf.c',
        '\tif (slot && oldstate == TCP_CLOSE && !slot->born_ns && !(slot->book & BOOK_BOUND))\n',
        '\tif (0)\n',
      ),
    ],
  },
  {
    name: 'an older socket that closed before its slot was taken, and that a walk finds, has been counted',
    scenario: 'older',
    windows: [held('booting', 300), WITHOUT_DESTROY],
    removal: [edit('walk.bpf.c', '\tif (!slot->born_ns && !(slot->book & BOOK_BOUND)) {\n', '\tif (0) {\n')],
  },
  {
    name: 'a slot whose socket is another one by now is not read',
    scenario: 'hidden',
    windows: [],
    removal: [
      edit(
        'walk.bpf.c',
        '\tsame = READ(how, sk, __sk_common.skc_cookie.counter) == slot->cookie;\n',
        '\tsame = true;\n',
      ),
    ],
  },
];

/** Where the kernel does not tell a close. */
const MISSED_GUARDS: readonly Guard[] = [
  {
    name: 'a socket that goes and still has a slot is counted',
    scenario: 'missed',
    windows: [],
    removal: [edit('tcp.bpf.c', '\t\ton_close(sk, TCP_CLOSE, index);\n', '\t\treturn 0;\n')],
  },
];

/** Between flows that end and connections that come. */
const FLOW_GUARDS: readonly Guard[] = [
  {
    name: 'a book that was found is really of the flow',
    scenario: 'retiring',
    windows: [stretched('lookedUp', 5000)],
    removal: [edit('include/books.bpf.h', 'book && same_key(&book->key, key) ? i : 0', 'book ? i : 0')],
  },
  {
    name: 'a book is given back when nobody can be adding to it any more',
    scenario: 'retiring',
    windows: [stretched('adding', 5000)],
    removal: [
      {
        file: 'src/tracker/flow-table.ts',
        find: 'nowNs - (this.activeNs[row] ?? nowNs) >= 1e9',
        put: 'nowNs - (this.activeNs[row] ?? nowNs) >= 0',
      },
    ],
  },
  {
    name: 'a free book is taken by one flow alone',
    scenario: 'retiring',
    windows: [],
    removal: [
      edit(
        'include/books.bpf.h',
        '\t\tif (__sync_val_compare_and_swap(&control.free_head, head, head + 1) == head)\n\t\t\treturn at;\n',
        `\t\thold(200);
		control.free_head = head + 1;
		return at;
`,
      ),
    ],
  },
];

export const GUARDS: readonly Guard[] = [
  ...CLOSE_GUARDS,
  ...READ_GUARDS,
  ...TIME_GUARDS,
  ...START_GUARDS,
  ...MISSED_GUARDS,
  ...FLOW_GUARDS,
];
