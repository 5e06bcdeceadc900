import { mkdirSync, rmdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cgroup } from '../hosts/cgroup.ts';
import { findTool } from '../hosts/find-tool.ts';
import { HostProcess } from '../hosts/host-process.ts';

const GONE_TRIES = 200;
const CGROUP2 = ['mkdir "$0/cgroup2"', 'mount -t cgroup2 none "$0/cgroup2"'];

/** A cgroup of such a view. Its path is for those beyond the view. */
export interface SpaceCgroup extends Cgroup {
  /** Its path within the view. */
  readonly inside: string;
}

/** A view of the file system of its own, kept by a process: what is mounted there is seen nowhere else, and ends with it. */
export class MountSpace implements AsyncDisposable {
  readonly #keeper: HostProcess;
  readonly #folder: string;
  readonly #cgroups: string[] = [];

  private constructor(keeper: HostProcess, folder: string) {
    this.#keeper = keeper;
    this.#folder = folder;
  }

  /** @param lines of shell that mount, and may use "$0", an empty folder of memory that is there in this view alone */
  static async open(folder: string, ...lines: readonly string[]): Promise<MountSpace> {
    const script = ['set -e', 'mount -t tmpfs none "$0"', ...lines, 'echo open', 'exec sleep infinity'];
    const keep = [findTool('setpriv'), '--pdeathsig', 'KILL', '--'];
    const argv = [findTool('unshare'), '--mount', ...keep, 'sh', '-c', script.join('\n'), folder];
    const keeper = new HostProcess(argv, ['mount space']);
    await keeper.line(/^open$/);
    return new MountSpace(keeper, folder);
  }

  /** With cgroup v2, at cgroup2Root. */
  static async withCgroup2(folder: string): Promise<MountSpace> {
    return MountSpace.open(folder, ...CGROUP2);
  }

  /** The same, and beside it a hierarchy of v1, which is no controller's: what is called hybrid. */
  static async withHybridCgroups(folder: string): Promise<MountSpace> {
    const v1 = ['mkdir "$0/cgroup1"', 'mount -t cgroup -o none,name=kube-netc-test none "$0/cgroup1"'];
    return MountSpace.open(folder, ...v1, ...CGROUP2);
  }

  /** A command that becomes the one behind it, in this view: below the same root as ours, which may be a changed one. */
  get prefix(): string[] {
    const keeper = `/proc/${this.#keeper.pid}`;
    return [findTool('nsenter'), `--mount=${keeper}/ns/mnt`, `--root=${keeper}/root`];
  }

  /** Where cgroup v2 is, for those beyond this view too. */
  get cgroup2Root(): string {
    return join(`/proc/${this.#keeper.pid}/root`, this.#folder, 'cgroup2');
  }

  /** A new cgroup of v2, which is removed with this: whoever is put there must have ended by then. */
  cgroup(name: string): SpaceCgroup {
    const path = join(this.cgroup2Root, name);
    mkdirSync(path);
    this.#cgroups.push(path);
    return { path, id: statSync(path).ino, inside: join(this.#folder, 'cgroup2', name) };
  }

  /** cgroup v2 is never unmounted for good: what is made there stays in the kernel until it is removed. */
  async #removeCgroups(): Promise<void> {
    for (let tries = 0; tries < GONE_TRIES && this.#cgroups.length > 0; tries++) {
      try {
        rmdirSync(this.#cgroups.at(-1) ?? '');
        this.#cgroups.pop();
      } catch {
        await sleep(10); // somebody is still on his way out
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#removeCgroups();
    await this.#keeper.stop({ signal: 'SIGKILL' });
  }
}
