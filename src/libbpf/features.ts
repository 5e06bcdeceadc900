import { accessSync, constants as fs } from 'node:fs';
import { constants } from 'node:os';
import { type Capability, explainRefusal, type Privileges, readPrivileges } from './capabilities.ts';
import { errnoName, errnoText } from './errno.ts';
import { BpfError } from './bpf-error.ts';
import { cannotTell, type Finding, no, nodeErrno, yes } from './finding.ts';
import { Handle } from './handle.ts';
import { KernelBtf } from './kernel-btf.ts';
import { readLockdown, readMemlock } from './kernel-limits.ts';
import { runTrial, type Trial } from './trial.ts';
import { ATTACH_TYPE, FUNC_KTIME_GET_COARSE_NS, PROG_TYPE } from './uapi.ts';
import { verifierReason } from './verifier-log.ts';

export type { Finding } from './finding.ts';

const TRACING_CAPABILITIES = ['CAP_BPF', 'CAP_PERFMON'] as const;
const CGROUP_CAPABILITIES = ['CAP_BPF', 'CAP_NET_ADMIN'] as const;

/** Hooks that need no name, by the ELF section that asks for them. */
const HOOKS = {
  tp: { type: PROG_TYPE.TRACEPOINT },
  raw_tp: { type: PROG_TYPE.RAW_TRACEPOINT },
  'cgroup/sendmsg4': {
    type: PROG_TYPE.CGROUP_SOCK_ADDR,
    attachType: ATTACH_TYPE.CGROUP_UDP4_SENDMSG,
    returns: 1,
  },
  'cgroup/sendmsg6': {
    type: PROG_TYPE.CGROUP_SOCK_ADDR,
    attachType: ATTACH_TYPE.CGROUP_UDP6_SENDMSG,
    returns: 1,
  },
  'cgroup/recvmsg4': {
    type: PROG_TYPE.CGROUP_SOCK_ADDR,
    attachType: ATTACH_TYPE.CGROUP_UDP4_RECVMSG,
    returns: 1,
  },
  'cgroup/recvmsg6': {
    type: PROG_TYPE.CGROUP_SOCK_ADDR,
    attachType: ATTACH_TYPE.CGROUP_UDP6_RECVMSG,
    returns: 1,
  },
  sockops: { type: PROG_TYPE.SOCK_OPS, attachType: ATTACH_TYPE.CGROUP_SOCK_OPS, returns: 1 },
  tc: { type: PROG_TYPE.SCHED_CLS },
} as const satisfies Record<string, Trial>;
export type Hook = keyof typeof HOOKS;

const VMLINUX = '/sys/kernel/btf/vmlinux';

/**
 * What this kernel can do, found by trying, never by comparing versions. Conclusive answers are kept; 'cannot tell' is
 * asked again. Holds the kernel's BTF (some 10 MB) from the first question that needs it until close().
 */
export class Features extends Handle {
  readonly #known = new Map<string, Finding>(); // bounded by the questions asked in the code
  readonly #privileges: Privileges;
  #btf: KernelBtf | null = null;

  constructor(privileges: Privileges = readPrivileges()) {
    super('features');
    this.#privileges = privileges;
  }

  /** Effective capabilities of this process. */
  capabilities(): ReadonlySet<Capability> {
    return this.#privileges.held;
  }

  /** Does the kernel carry its type information? */
  kernelBtf(): Finding {
    return this.#once('btf', () => this.#withBtf(() => yes(`${VMLINUX} is there`)));
  }

  /** Is there such a function in the kernel (or in a module that is loaded)? kfuncs are functions too. */
  kernelFunction(name: string, module?: string): Finding {
    return this.#inBtf('func', name, `function ${name}`, module);
  }

  /** Is there such a tracepoint for tp_btf, and does a program for it load? */
  tracepoint(name: string): Finding {
    const trial = { type: PROG_TYPE.TRACING, attachType: ATTACH_TYPE.TRACE_RAW_TP };
    return this.#tracing(`tp_btf/${name}`, 'typedef', `btf_trace_${name}`, trial);
  }

  /** Is there such an iterator ("task_file", "bpf_map_elem"), and does a program for it load? */
  iterator(target: string): Finding {
    const trial = { type: PROG_TYPE.TRACING, attachType: ATTACH_TYPE.TRACE_ITER };
    return this.#tracing(`iter/${target}`, 'func', `bpf_iter_${target}`, trial);
  }

  /** Does a program at the entry of a function load and attach? The default is a function that nothing calls. */
  fentry(name = 'bpf_fentry_test1'): Finding {
    const trial = { type: PROG_TYPE.TRACING, attachType: ATTACH_TYPE.TRACE_FENTRY, attach: true };
    return this.#tracing(`fentry/${name}`, 'func', name, trial);
  }

  /** The same at its return. */
  fexit(name = 'bpf_fentry_test1'): Finding {
    const trial = { type: PROG_TYPE.TRACING, attachType: ATTACH_TYPE.TRACE_FEXIT, attach: true };
    return this.#tracing(`fexit/${name}`, 'func', name, trial);
  }

  /** Does a program of this kind load? */
  hook(hook: Hook): Finding {
    const needed = /^(tp|raw_tp)$/.test(hook) ? TRACING_CAPABILITIES : CGROUP_CAPABILITIES;
    return this.#once(hook, () => this.#try(hook, HOOKS[hook], needed));
  }

  /** Has BPF here atomic operations that return a value? Needs: Linux >= 5.12 on x86-64, >= 5.18 on arm64. */
  atomics(): Finding {
    const trial = { type: PROG_TYPE.SOCKET_FILTER, atomic: true };
    return this.#once('atomics', () => this.#try('an atomic operation', trial, ['CAP_BPF']));
  }

  /** Is the kernel locked down? */
  lockdown(): Finding {
    return readLockdown();
  }

  /**
   * Is the limit of locked memory no obstacle? Kernels from 5.11 on charge BPF memory to the memory cgroup instead;
   * found, as libbpf does, by a helper that came with it.
   */
  memlock(): Finding {
    const trial = { type: PROG_TYPE.SOCKET_FILTER, helper: FUNC_KTIME_GET_COARSE_NS };
    const charged = this.#once('memcg', () => this.#try('bpf_ktime_get_coarse_ns', trial, ['CAP_BPF']));
    if (charged.answer === 'yes')
      return yes('BPF memory is charged to the memory cgroup, not to the memlock limit');
    return readMemlock();
  }

  protected release(): void {
    this.#btf?.close();
  }

  #tracing(what: string, kind: 'func' | 'typedef', type: string, trial: Trial): Finding {
    return this.#once(what, () =>
      this.#withBtf((btf) => {
        const attachBtfId = btf.find(kind, type);
        if (attachBtfId === null) return no(`this kernel has no ${what}: ${type} is not in its BTF`);
        return this.#try(what, { ...trial, attachBtfId }, TRACING_CAPABILITIES);
      }),
    );
  }

  #inBtf(kind: 'func' | 'typedef', type: string, what: string, module?: string): Finding {
    return this.#once(`${kind} ${type} ${module ?? ''}`, () =>
      this.#withBtf((btf) => {
        if (btf.find(kind, type) !== null) return yes(`${what} is in the kernel's BTF`);
        if (module === undefined) return no(`${what} is not in the kernel's BTF`);
        return inModule(btf, kind, type, what, module);
      }),
    );
  }

  #try(what: string, trial: Trial, needed: readonly Capability[]): Finding {
    const { error, log } = runTrial(trial);
    if (error === 0) return yes(`a program for ${what} loads${trial.attach ? ' and attaches' : ''}`);
    if (errnoName(error) === 'EPERM' || errnoName(error) === 'EACCES') {
      const { byPolicy, reason } = explainRefusal(this.#privileges, needed);
      return byPolicy
        ? no(`${what}: ${errnoName(error)}: ${reason}`)
        : cannotTell(`${what}: ${errnoName(error)}: ${reason}`);
    }
    const transient = [
      constants.errno.ENOMEM,
      constants.errno.EAGAIN,
      constants.errno.EINTR,
      constants.errno.EMFILE,
    ];
    const reason = `${what}: ${verifierReason(log) ?? errnoText(error)}`;
    return transient.includes(-error) ? cannotTell(reason) : no(reason);
  }

  #withBtf(ask: (btf: KernelBtf) => Finding): Finding {
    this.assertOpen();
    try {
      accessSync(VMLINUX, fs.R_OK);
      this.#btf ??= KernelBtf.load();
    } catch (cause) {
      if (cause instanceof BpfError) return cannotTell(cause.message);
      const code = nodeErrno(cause);
      return code === 'ENOENT' ? noBtf() : cannotTell(`${VMLINUX}: ${code}`);
    }
    return ask(this.#btf);
  }

  #once(key: string, ask: () => Finding): Finding {
    const known = this.#known.get(key);
    if (known) return known;
    const found = ask();
    if (found.answer !== 'cannot tell') this.#known.set(key, found);
    return found;
  }
}

function inModule(
  btf: KernelBtf,
  kind: 'func' | 'typedef',
  type: string,
  what: string,
  module: string,
): Finding {
  try {
    using types = btf.module(module);
    return types.find(kind, type) === null
      ? no(`${what} is not in module ${module}`)
      : yes(`${what} is in module ${module}`);
  } catch (cause) {
    if (!(cause instanceof BpfError)) throw cause;
    return cannotTell(`${what}: module ${module} is not loaded or carries no BTF (${cause.errno})`);
  }
}

function noBtf(): Finding {
  if (!isSysMounted()) return cannotTell('/sys is not mounted');
  return no(`${VMLINUX} is not there: the kernel was built without CONFIG_DEBUG_INFO_BTF`);
}

function isSysMounted(): boolean {
  try {
    accessSync('/sys/kernel', fs.R_OK);
    return true;
  } catch {
    return false;
  }
}
