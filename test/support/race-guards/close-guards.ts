import { stretched } from '../race-windows.ts';
import { edit, type Guard, widen } from './guard.ts';

const CLOSED_MEANWHILE = '\tif (*(volatile __u64 *)&slot->sock != (sock | SLOT_LOCKED)) {\n';
const LEAVE_END = '\t\tif (bpf_map_update_elem(&handoff, &index, end, BPF_ANY)) {\n';

/** Between a walk and a close, told or not. */
export const CLOSE_GUARDS: readonly Guard[] = [
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
        'sock | SLOT_LOCKED, sock) != (sock | SLOT_LOCKED))\n\t\tfree_slot(slot, index);\n',
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
    name: 'a socket at a scattered place is looked for there',
    scenario: 'crowd',
    windows: [],
    removal: [edit('include/slots.bpf.h', '\t\t__sync_fetch_and_add(away, change);\n', '\t\t;\n')],
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
  {
    name: 'a socket that goes and still has a slot is counted',
    scenario: 'missed',
    windows: [],
    removal: [edit('tcp.bpf.c', '\t\ton_close(sk, TCP_CLOSE, index);\n', '\t\treturn 0;\n')],
  },
];
