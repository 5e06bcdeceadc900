/** Who a socket belongs to, as far as it can be told without guessing. */
export interface Owner {
  /** `container` is a machine of systemd-machined too; `unknown` has no name. */
  readonly kind: 'container' | 'unit' | 'process' | 'unknown';
  /** Text from outside: escape it where it is printed. */
  readonly name: string;
}

/** Says who owns a socket: by its cgroup, else by its process. */
export interface Identity {
  /**
   * The owner of a socket, of what is known now. Never waits.
   * `cgroupId` is the inode number of the cgroup v2 directory (0: none), `comm` the name of the process ('': unknown).
   */
  owner(cgroupId: number, comm: string): Owner;
  /**
   * Looks for those of the cgroups that are not known yet, so that owner() can name them. To be awaited before a
   * socket's first owner() where a name must not change later. Never fails.
   * Answers false where it looked only a moment ago and some are still unknown: ask again with the next snapshot.
   */
  learn(cgroupIds: Iterable<number>): Promise<boolean>;
}
