import { held } from '../race-windows.ts';
import { edit, type Guard } from './guard.ts';

/** As if the kernel did not have the tracepoint. */
const WITHOUT_DESTROY = edit(
  'tcp.bpf.c',
  '\tif (cookie)\n\t\tindex = find_slot(cookie, sk);\n\tif (index >= 0) /*',
  '\tif (index >= 0) /*',
);

/** Between the pass for older sockets and what these do. */
export const START_GUARDS: readonly Guard[] = [
  {
    name: 'the role of an older socket is believed if it is told twice, and the socket rests',
    scenario: 'busy',
    windows: [held('guessing', 200)],
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
