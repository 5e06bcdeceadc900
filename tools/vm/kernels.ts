/** A kernel that is tested, and what is expected of the agent there. */
export interface Kernel {
  /** What it is called on the command line and in the cache. */
  readonly name: string;
  /** As Debian calls it. */
  readonly architecture: 'amd64' | 'arm64';
  /** Where Debian has it. */
  readonly suite: string;
  /** An extended regular expression of its image package: the newest that matches is taken. */
  readonly package: string;
  /** The walk that the agent must choose there; null: the agent must say that the kernel is too old, and end. */
  readonly walk: 'walk_cast' | 'walk_probe' | null;
  /** More for its command line. */
  readonly append?: string;
  /** The row whose kernel it is, where it is the same one, with something for its command line that sets it apart. */
  readonly variant?: { readonly of: string; readonly parameter: 'ipv6.disable=1' };
}

/** Where a kernel is in the cache. */
export function folderOf({ name, variant }: Kernel): string {
  return variant?.of ?? name;
}

/**
 * On x86-64 the emulator is told to lack cmpxchg16b (see boot.ts), and without it kernels from 7.2 on give programs no
 * local storage unless the allocator checks what it does (mm/slub.c: kmalloc_nolock). We use none as yet.
 */
const WITHOUT_CX16 = 'slub_debug=F';

const LONG_TERM = {
  name: '6.12',
  architecture: 'amd64',
  suite: 'trixie',
  package: String.raw`linux-image-6\.12\.[0-9]+\+deb13-cloud-amd64`,
  walk: 'walk_cast',
} as const;

/**
 * The flavour for virtual machines has all that a test needs and half the size. 5.15, the oldest that the agent promises
 * to run on, was never one of Debian's.
 */
export const KERNELS: readonly Kernel[] = [
  {
    name: '5.10',
    architecture: 'amd64',
    suite: 'bullseye',
    package: String.raw`linux-image-5\.10\.0-[0-9]+-cloud-amd64`,
    walk: null,
  },
  {
    name: '6.1',
    architecture: 'amd64',
    suite: 'bookworm',
    package: String.raw`linux-image-6\.1\.0-[0-9]+-cloud-amd64`,
    walk: 'walk_probe',
  },
  LONG_TERM,
  { ...LONG_TERM, name: '6.12-no-ipv6', variant: { of: '6.12', parameter: 'ipv6.disable=1' } },
  {
    name: '6.18',
    architecture: 'amd64',
    suite: 'trixie-backports',
    package: String.raw`linux-image-6\.18\.[0-9]+\+deb13-cloud-amd64`,
    walk: 'walk_cast',
  },
  {
    name: 'newest',
    architecture: 'amd64',
    suite: 'trixie-backports',
    package: String.raw`linux-image-[0-9.]+\+deb13-cloud-amd64`,
    walk: 'walk_cast',
    append: WITHOUT_CX16,
  },
  {
    name: 'arm64-6.12',
    architecture: 'arm64',
    suite: 'trixie',
    package: String.raw`linux-image-6\.12\.[0-9]+\+deb13-cloud-arm64`,
    walk: 'walk_cast',
  },
  {
    name: 'arm64-newest',
    architecture: 'arm64',
    suite: 'trixie-backports',
    package: String.raw`linux-image-[0-9.]+\+deb13-cloud-arm64`,
    walk: 'walk_cast',
  },
];
