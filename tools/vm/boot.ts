import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { CACHE } from './bring.ts';
import type { Kernel } from './kernels.ts';

/** How the emulator ended, and what the serial line said. */
export interface Boot {
  readonly serial: string;
  /** Of the emulator; null: ended by a signal. */
  readonly status: number | null;
  readonly timedOut: boolean;
  readonly tookMs: number;
}

export interface BootOptions {
  readonly kernel: Kernel;
  readonly vmlinuz: string;
  readonly initramfs: string;
  readonly limitMs: number;
}

const MEMORY_MIB = 1024; // half of it at most is the guest's root, of some 200 MB

/**
 * Emulated, not KVM: that is not to be had on every machine that runs tests, and where it is not real it hangs.
 *
 * One thread: with one a vCPU, QEMU 7.2 now and then dies of its own where a kernel patches its code. Two vCPUs all the
 * same, for programs that meet on two. No cmpxchg16b on x86-64: after one, QEMU 7.2 may leave flags that kill the kernel.
 */
const COMMON = ['-accel', 'tcg,thread=single', '-smp', '2', '-m', String(MEMORY_MIB)].concat(
  ['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot'],
  ['-monitor', 'none', '-serial', 'stdio'],
);
const MACHINES = {
  amd64: {
    program: 'qemu-system-x86_64',
    args: ['-M', 'q35', '-cpu', 'max,-cx16', '-device', 'isa-debug-exit,iobase=0xf4,iosize=4'],
    console: 'ttyS0',
  },
  arm64: {
    program: 'qemu-system-aarch64',
    args: ['-M', 'virt,gic-version=3', '-cpu', 'max,pauth-impdef=on'],
    console: 'ttyAMA0',
  },
} as const;

/**
 * A kernel that fails is to end, not to reboot or to wait. Mitigations cost time, and guard nothing here. An emulator that
 * waits for a busy machine is no timer that does not tick, and no CPU that is stuck: boot() has a limit for what is.
 */
const APPEND =
  'panic=-1 oops=panic quiet loglevel=4 mitigations=off no_timer_check nowatchdog rcupdate.rcu_cpu_stall_timeout=300';

/** Boots a kernel and waits until the emulator ends. Never throws for what happens inside. */
export async function boot({ kernel, vmlinuz, initramfs, limitMs }: BootOptions): Promise<Boot> {
  const { program, args, console } = MACHINES[kernel.architecture];
  const append = `console=${console} ${APPEND} guest=${guestOf(kernel)} ${kernel.append ?? ''} ${kernel.variant?.parameter ?? ''}`;
  const unpacked = join(CACHE, 'bin', program);
  const startedMs = performance.now();
  const emulator = [existsSync(unpacked) ? unpacked : program, ...args, ...COMMON];
  const machine = ['-kernel', vmlinuz, '-initrd', initramfs, '-append', append];
  // no emulator outlives us, however we end
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', ...emulator, ...machine], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let serial = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (serial += text));
  }
  const { status, timedOut } = await ending(child, limitMs);
  return { serial: serial.replaceAll('\r', ''), status, timedOut, tookMs: performance.now() - startedMs };
}

/** What test/vm/guest/main.ts is to look at. */
function guestOf({ walk, variant }: Kernel): string {
  if (walk === null) return 'too-old';
  return `${variant === undefined ? 'works' : 'without-ipv6'},${walk}`;
}

async function ending(child: ChildProcess, limitMs: number): Promise<Pick<Boot, 'status' | 'timedOut'>> {
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    child.kill('SIGKILL');
  }, limitMs);
  const status = await new Promise<number | null>((resolve) => {
    child.once('error', () => resolve(127));
    child.once('close', resolve);
  });
  clearTimeout(timer);
  return { status, timedOut };
}
