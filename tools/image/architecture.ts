/** What differs between the images of two kinds of machine. */
export interface Architecture {
  /** As Debian and OCI write it; both mean the same by these two. */
  readonly name: 'amd64' | 'arm64';
  /** As Node and npm write it. */
  readonly node: 'x64' | 'arm64';
  /** As `uname -m` and tools/build-bpf.sh write it. */
  readonly machine: 'x86_64' | 'aarch64';
  /** Top-level folders that Debian 12 links to those of the same name in /usr. */
  readonly merged: readonly string[];
}

export const ARCHITECTURES: readonly Architecture[] = [
  { name: 'amd64', node: 'x64', machine: 'x86_64', merged: ['bin', 'lib', 'lib64', 'sbin'] },
  { name: 'arm64', node: 'arm64', machine: 'aarch64', merged: ['bin', 'lib', 'sbin'] },
];

/** The one of this machine; null on a machine that no image is for. */
export function nativeArchitecture(): Architecture | null {
  return ARCHITECTURES.find(({ node }) => node === process.arch) ?? null;
}
