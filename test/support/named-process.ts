import { mkdtempSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { TREE } from '../hosts/find-tool.ts';
import { flagsOf } from '../hosts/flags.ts';
import type { Host } from '../hosts/host.ts';
import type { Lab } from '../hosts/lab.ts';
import type { TcpHoldOptions, TcpTotals } from '../hosts/tcp-traffic.ts';
import { TrafficProgram } from '../hosts/traffic-program.ts';

const COMM_BYTES = 15; // TASK_COMM_LEN without its zero

/** Names that a process may have: whatever its file is called, but for `/` and zero bytes. */
export const HOSTILE_NAMES: readonly Buffer[] = [
  'quote"back\\new\n',
  '"} 1\nup{a="b',
  '\u001b[2J\u001b[31mred',
  '\r\n\t\u0007\u007f',
  '\u202eright-left',
  '\u009b31mC1',
  'ab,cd;"{}=#',
  'ééééééééé', // its fifteenth byte is half a letter
]
  .map((name) => Buffer.from(name))
  .concat(Buffer.from([0xff, 0xfe, 0x41, 0xc3, 0x28]));

/** What the kernel keeps of a name, as text. */
export function commOf(name: Buffer): string {
  return name.subarray(0, COMM_BYTES).toString('utf8');
}

/** Holds connections by a program of this name, and waits until they are open. */
export async function holdTcpAs(
  lab: Lab,
  host: Host,
  name: Buffer,
  options: TcpHoldOptions,
): Promise<TrafficProgram<TcpTotals>> {
  const folder = mkdtempSync(join(lab.folder, 'named-'));
  symlinkSync(join(TREE, 'build/traffic/exact-tcp-hold'), Buffer.concat([Buffer.from(`${folder}/`), name]));
  // Arguments of Node are UTF-8, a name need not be: the shell finds the only file there is.
  const argv = ['sh', '-c', 'exec "$0"/* "$@"', folder, ...flagsOf(options)];
  const program = new TrafficProgram<TcpTotals>(host.spawn(argv));
  await program.ready();
  return program;
}
