import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';

/** A file of an archive: its bytes, or where they are; or what a symbolic link says. */
export type Content = Uint8Array | { readonly file: string } | { readonly link: string };

const MODE = { directory: 0o040755, program: 0o100755, link: 0o120777 } as const;
const MAGIC = '070701'; // "newc", which the kernel unpacks: Documentation/driver-api/early-userspace/buffer-format.rst
const TRAILER = 'TRAILER!!!';

/**
 * Writes an initramfs: `files` by absolute path, with the directories above them. Everything belongs to root and may be
 * executed. The kernel takes several archives one after the other: what comes later is added.
 */
export function writeCpio(path: string, files: ReadonlyMap<string, Content>): void {
  const out = openSync(path, 'w');
  try {
    let inode = 1;
    const known = new Set<string>();
    const put = (name: string, mode: number, data: Uint8Array): void => {
      writeSync(out, header(name, mode, name === TRAILER ? 0 : inode++, data.length));
      writeSync(out, data);
      writeSync(out, padding(data.length));
    };
    for (const [name, content] of files) {
      for (const folder of foldersAbove(name)) {
        if (!known.has(folder)) put(folder.slice(1), MODE.directory, new Uint8Array());
        known.add(folder);
      }
      if ('link' in content) put(name.slice(1), MODE.link, Buffer.from(content.link));
      else
        put(
          name.slice(1),
          MODE.program,
          content instanceof Uint8Array ? content : readFileSync(content.file),
        );
    }
    put(TRAILER, 0, new Uint8Array());
  } finally {
    closeSync(out);
  }
}

/** "/a/b/c": "/a", "/a/b". */
function foldersAbove(name: string): string[] {
  const parts = name.split('/').slice(1, -1);
  return parts.map((_, i) => `/${parts.slice(0, i + 1).join('/')}`);
}

function header(name: string, mode: number, inode: number, size: number): Buffer {
  const links = 1;
  const [owner, group, time, device, namesSum] = [0, 0, 0, 0, 0];
  const fields = [
    inode,
    mode,
    owner,
    group,
    links,
    time,
    size,
    device,
    device,
    device,
    device,
    name.length + 1,
    namesSum,
  ];
  const text = MAGIC + fields.map((field) => field.toString(16).padStart(8, '0')).join('') + name + '\0';
  return Buffer.concat([Buffer.from(text, 'latin1'), padding(text.length)]);
}

/** Up to the next multiple of 4. */
function padding(length: number): Buffer {
  return Buffer.alloc((4 - (length % 4)) % 4);
}
