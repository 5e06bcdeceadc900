import type { Kernel } from './kernels.ts';
import type { Tested } from './test-kernel.ts';

const MARKS = { PASS: 'yes', FAIL: 'no', INFRA: 'not known' } as const;

/** docs/reference/kernels.md: what works on which kernel, as tested. */
export function kernelsPage(tested: readonly Tested[], date: Date): string {
  const day = date.toISOString().slice(0, 10);
  return [
    `<!-- Made by npm run test:kernels -- --page, on ${day}. Do not edit. -->\n`,
    '# Kernels\n',
    ...INTRODUCTION,
    `What follows was run on ${day}.\n`,
    '## The kernels\n',
    ...table(['Linux', 'architecture', "Debian's package", 'suite', 'as it should be'], tested.map(rowOf)),
    '\n## What works where\n',
    ...table(['what the tests saw', ...tested.map(headOf)], checksOf(tested)),
    '',
    ...NOTES,
  ].join('\n');
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`);
}

function rowOf({ release, kernel, package: name, kind }: Tested): string[] {
  const linux = (release ?? 'did not come up') + parameterOf(kernel);
  return [linux, kernel.architecture, `\`${name}\``, kernel.suite, MARKS[kind]];
}

function headOf({ release, kernel }: Tested): string {
  return `${release?.split(/[-+]/)[0] ?? kernel.name} ${kernel.architecture}${parameterOf(kernel)}`;
}

/** A row a check: its name, and what each kernel has shown. */
function checksOf(tested: readonly Tested[]): string[][] {
  const names = new Set(tested.flatMap(({ checks }) => checks.map(({ name }) => name)));
  return [...names].map((name) => [name, ...tested.map((each) => mark(each, name))]);
}

function mark({ checks }: Tested, name: string): string {
  const found = checks.filter((check) => check.name === name);
  if (found.length === 0) return '-';
  if (!found.every(({ passed }) => passed)) return 'NO';
  return found.some(({ excused }) => excused) ? 'not always' : 'yes';
}

function parameterOf({ variant }: Kernel): string {
  return variant === undefined ? '' : `, \`${variant.parameter}\``;
}

const INTRODUCTION = [
  'kube-netc asks for Linux 5.15 on x86-64 and 6.4 on arm64, with type information (`CONFIG_DEBUG_INFO_BTF`). It asks the',
  'kernel what it can do and never compares versions: `kube-netc doctor` says what it found.\n',
  '`npm run test:kernels` boots stock kernels of Debian in emulated machines (QEMU without KVM, two CPUs), runs the agent',
  'there, lets programs exchange bytes that they count, and compares the page with them, to the byte. The object of the',
  'kernel programs is one and the same file on all of them, arm64 too.\n',
];

const NOTES = [
  'A dash: not looked at: the agent cannot run there or walks the other way; without IPv6, what that does not change.\n',
  '- 5.10 is older than what the agent promises to run on: it must say so in one line, and end.',
  '- 5.15 to 6.0 are promised and were not run: Debian has no such kernels.',
  '- Before 6.2 live sockets are read by `walk_probe` (`bpf_probe_read_kernel` for each field), from 6.2 on by `walk_cast`',
  '  (`bpf_rdonly_cast`): the same numbers, three times faster.',
  '- UDP is counted by fentry on all of these. A kernel that refuses fentry has the tracepoints `sock_send_length` and',
  '  `sock_recv_length` (Linux 6.3) for it: those are tested wherever `npm test` runs on such a kernel.',
  '- A kernel that may take a task off its CPU at any moment (preemption model `full`, or `lazy`, the default from 7.0 on) may',
  '  do so within a BPF program, and skips that program for other tasks on this CPU until the first is back: those of fentry',
  '  always, those of tracepoints from 7.0 on. A close of TCP that is missed so is found when the socket goes; lost is a',
  '  connection of which the opening was missed too, and a datagram of UDP: `kube_netc_agent_lost_total` says how many programs',
  '  were skipped (`reason="probe_skipped"`). It takes several busy tasks on one CPU; where it happened in this run, the table',
  '  says "not always". The kernels of Debian 11 to 13 do not. What was tried for UDP:',
  '  `docs/decisions/013-udp-where-a-cpu-can-be-taken.md`.',
  '- One emulated CPU runs at a time, so what two CPUs do to each other within a few instructions is tested by `npm test` on',
  '  the machine itself, not here.',
  '',
];
