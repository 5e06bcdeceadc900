import type { Edit } from '../mutant.ts';
import { held } from '../race-windows.ts';
import { edit, type Guard, widen } from './guard.ts';

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

/** Between a walk and the kernel at work on the socket. */
export const READ_GUARDS: readonly Guard[] = [
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
