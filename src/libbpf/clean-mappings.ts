/** A mapping of a file of which this process has changed nothing. */
export interface CleanMapping {
  readonly address: bigint;
  readonly bytes: number;
}

/** "55d0c000-55d0e000 r-xp 00002000 fe:01 4711 /usr/bin/node"; inode 0: no file. */
const HEAD = /^([0-9a-f]+)-([0-9a-f]+) (r-[x-]p) [0-9a-f]+ [0-9a-f:]+ [1-9]\d* +\//;
const ANONYMOUS = /^Anonymous: +(\d+) kB$/;

/**
 * The mappings in the text of /proc/PID/smaps (proc(5)) that are code and constants of programs and libraries: of a file,
 * never to be written, and without a page that was (the tables which the loader fills in and then protects have some).
 */
export function cleanMappings(smaps: string): CleanMapping[] {
  const found: CleanMapping[] = [];
  let head: RegExpExecArray | null = null;
  for (const line of smaps.split('\n')) {
    if (line.charCodeAt(0) < 0x41 || line.charCodeAt(0) > 0x5a) head = HEAD.exec(line);
    else if (head !== null && ANONYMOUS.exec(line)?.[1] === '0') {
      const [, from = '0', to = '0'] = head;
      const address = BigInt(`0x${from}`);
      found.push({ address, bytes: Number(BigInt(`0x${to}`) - address) });
    }
  }
  return found;
}
