// Needs: CAP_SYS_ADMIN (to walk the ids of the kernel), Linux >= 5.8 (link ids).
import { closeSync } from 'node:fs';
import { constants } from 'node:os';
import { BpfError } from './bpf-error.ts';
import { KernelBtf } from './kernel-btf.ts';
import { native, type Native } from './native.ts';
import { objectInfo, type ProgramInfo, programInfo } from './program-info.ts';
import { LINK_INFO, LINK_TYPE } from './uapi.ts';

/** A program of anybody in the kernel. */
export interface ListedProgram {
  readonly id: number;
  /** libbpf's name of the type: "tracing", "cgroup_sock_addr". */
  readonly type: string;
  /** At most 15 characters. */
  readonly name: string;
  /** What a tracing program is made for: "btf_trace_inet_sock_set_state", "bpf_iter_task_file", "udp_sendmsg"; else null. */
  readonly target: string | null;
}

/** A link of anybody in the kernel: a program on its hook. Programs attached without a link (netlink, old cgroups) have none. */
export interface ListedLink {
  readonly id: number;
  readonly programId: number;
  /** libbpf's name of the type: "tracing", "iter", "cgroup". */
  readonly type: string;
  /** libbpf's name of the attach type where the link tells it: "trace_raw_tp", "cgroup_udp4_sendmsg". */
  readonly attachType: string | null;
  /** Inode of the cgroup directory of a cgroup link. */
  readonly cgroupId: bigint | null;
}

/** All programs of the kernel, by id. Throws E_BPF. */
export function listPrograms(): ListedProgram[] {
  using btf = KernelBtf.load();
  const vmlinux = 1; // the kernel's own BTF gets the first id, at boot
  const named = (info: ProgramInfo): string | null =>
    info.attachBtfId > 0 && info.attachBtfObjectId === vmlinux ? btf.nameOf(info.attachBtfId) : null;
  return withEach('programs', 'progNextId', 'progFdById', (fd) => {
    const info = programInfo(fd);
    const type = native().progTypeName(info.type) ?? `type ${info.type}`;
    return { id: info.id, type, name: info.name, target: named(info) };
  });
}

/** All links of the kernel, by id. Throws E_BPF. */
export function listLinks(): ListedLink[] {
  return withEach('links', 'linkNextId', 'linkFdById', (fd) => {
    const info = objectInfo(fd, LINK_INFO.size, 'a link');
    const type = info.readUInt32LE(LINK_INFO.type);
    const cgroup = type === LINK_TYPE.CGROUP;
    const attachAt = cgroup ? LINK_INFO['cgroup.attach_type'] : LINK_INFO['tracing.attach_type'];
    return {
      id: info.readUInt32LE(LINK_INFO.id),
      programId: info.readUInt32LE(LINK_INFO.prog_id),
      type: native().linkTypeName(type) ?? `type ${type}`,
      attachType:
        cgroup || type === LINK_TYPE.TRACING ? native().attachTypeName(info.readUInt32LE(attachAt)) : null,
      cgroupId: cgroup ? info.readBigUInt64LE(LINK_INFO['cgroup.cgroup_id']) : null,
    };
  });
}

/** Walks ids upwards; what ends between its id and its descriptor is passed over. */
function withEach<T>(
  what: string,
  nextId: 'progNextId' | 'linkNextId',
  fdById: 'progFdById' | 'linkFdById',
  describe: (fd: number) => T,
): T[] {
  const lib: Native = native();
  const next = Buffer.alloc(4);
  const found: T[] = [];
  for (let id = 0; ; id = next.readUInt32LE()) {
    const result = lib[nextId](id, next);
    if (result === -constants.errno.ENOENT) return found;
    if (result < 0) throw new BpfError(`listing the ${what} of the kernel`, result);
    const fd = lib[fdById](next.readUInt32LE());
    if (fd === -constants.errno.ENOENT) continue;
    if (fd < 0) throw new BpfError(`listing the ${what} of the kernel`, fd);
    try {
      found.push(describe(fd));
    } finally {
      closeSync(fd);
    }
  }
}
