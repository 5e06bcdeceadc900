import { stretched } from '../race-windows.ts';
import { edit, type Guard } from './guard.ts';

/** Between flows that end and connections that come. */
export const FLOW_GUARDS: readonly Guard[] = [
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
