import { edit, type Guard, widen } from './guard.ts';

/** Of the times that a socket was busy. */
export const TIME_GUARDS: readonly Guard[] = [
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
