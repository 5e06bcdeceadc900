import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import * as uapi from '../../../src/libbpf/uapi.ts';
import { findClang } from '../../fixtures/bpf/fixture.ts';

const STRUCTS = {
  bpf_object_open_opts: uapi.OBJECT_OPEN_OPTS,
  bpf_iter_attach_opts: uapi.ITER_ATTACH_OPTS,
  bpf_prog_load_opts: uapi.PROG_LOAD_OPTS,
  bpf_prog_info: uapi.PROG_INFO,
  bpf_link_info: uapi.LINK_INFO,
};
const ENUMS = {
  BPF_PROG_TYPE_: uapi.PROG_TYPE,
  BPF_: uapi.ATTACH_TYPE,
  BPF_MAP_TYPE_: uapi.MAP_TYPE,
  BPF_LINK_TYPE_: uapi.LINK_TYPE,
  BPF_F_: uapi.MAP_FLAG,
  BTF_KIND_: uapi.BTF_KIND,
};

/** One _Static_assert for each number of ours. */
function assertions(): string[] {
  const lines: string[] = [];
  for (const [struct, members] of Object.entries(STRUCTS)) {
    for (const [member, offset] of Object.entries(members)) {
      // later headers have more at the end: our size must end a member, and be no more than the whole
      const check =
        member === 'size'
          ? `sizeof(struct ${struct}) >= ${offset}`
          : `offsetof(struct ${struct}, ${member}) == ${offset}`;
      lines.push(`_Static_assert(${check}, "${struct}.${member}");`);
    }
  }
  for (const [prefix, names] of Object.entries(ENUMS)) {
    for (const [name, value] of Object.entries(names))
      lines.push(`_Static_assert(${prefix}${name} == ${value}, "${name}");`);
  }
  lines.push(`_Static_assert(sizeof(union bpf_iter_link_info) >= ${uapi.ITER_LINK_INFO.size}, "link info");`);
  lines.push(
    `_Static_assert(offsetof(union bpf_iter_link_info, map.map_fd) == ${uapi.ITER_LINK_INFO.map_fd}, "map_fd");`,
  );
  lines.push(`_Static_assert(BPF_FUNC_ktime_get_coarse_ns == ${uapi.FUNC_KTIME_GET_COARSE_NS}, "helper");`);
  lines.push(`_Static_assert(BPF_STATS_RUN_TIME == ${uapi.STATS_RUN_TIME}, "stats");`);
  lines.push(
    `_Static_assert((PROT_READ | PROT_WRITE) == ${uapi.PROT_READ_WRITE} && MAP_SHARED == ${uapi.MAP_SHARED}, "mmap");`,
  );
  lines.push(`_Static_assert(MADV_DONTNEED == ${uapi.MADV_DONTNEED}, "madvise");`);
  const flags = 'MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE';
  lines.push(`_Static_assert((${flags}) == ${uapi.MAP_PRIVATE_ANONYMOUS_NORESERVE}, "mmap");`);
  return lines;
}

function compile(lines: string[]): void {
  const headers = ['stddef.h', 'sys/mman.h', 'linux/bpf.h', 'linux/btf.h', 'bpf/bpf.h', 'bpf/libbpf.h'];
  const source = [...headers.map((header) => `#include <${header}>`), ...lines, ''].join('\n');
  const flags = ['-D_GNU_SOURCE', '-fsyntax-only', '-x', 'c', '-'];
  execFileSync(findClang() ?? 'clang', flags, {
    input: source,
    stdio: ['pipe', 'pipe', 'pipe'],
    encoding: 'utf8',
  });
}

describe('numbers of the stable interface', () => {
  it('are those of the installed headers', (context) => {
    if (findClang() === null || !existsSync('/usr/include/bpf/libbpf.h'))
      context.skip('needs clang and libbpf-dev');
    const lines = assertions();
    expect(lines.length).toBeGreaterThan(60);
    compile(lines);
    expect(() =>
      compile(['_Static_assert(offsetof(struct bpf_prog_info, id) == 5, "wrong on purpose");']),
    ).toThrow('wrong on purpose');
  });
});
