import { printable } from './escape.ts';

/** What one error code means: the table below is the truth for the programs, the tests and docs/reference/errors.md. */
export interface ErrorEntry {
  /** Exit code of the command that ends with it: 2 for a wrong command line, 1 for the rest. */
  readonly exitCode: 1 | 2;
  /** One line, no full stop; {names} are filled in by whoever throws. */
  readonly message: string;
  /** What the operator can do. */
  readonly hint: string;
}

export const ERRORS = {
  E_USAGE: {
    exitCode: 2,
    message: '{problem}',
    hint: 'kube-netc --help lists the commands, kube-netc <command> --help their flags.',
  },
  E_PORT_TAKEN: {
    exitCode: 1,
    message: 'cannot listen on {address}: another program holds the port',
    hint: 'ss -ltnp shows which one; stop it, or choose another address with --listen.',
  },
  E_LISTEN: {
    exitCode: 1,
    message: 'cannot listen on {address}: {reason}',
    hint: 'The address must be one of this machine; a port below 1024 needs CAP_NET_BIND_SERVICE.',
  },
  E_NO_PERMISSION: {
    exitCode: 1,
    message: 'the kernel refused {operation}: {reason}',
    hint: 'Run it as root, or with CAP_BPF and CAP_PERFMON; kube-netc doctor says which one is missing.',
  },
  E_NO_PROC: {
    exitCode: 1,
    message: 'cannot read {path}',
    hint: 'It needs /proc mounted: mount -t proc none /proc.',
  },
  E_NO_BTF: {
    exitCode: 1,
    message: 'the kernel carries no type information: cannot read {path}',
    hint: 'It needs a kernel built with CONFIG_DEBUG_INFO_BTF=y and /sys mounted.',
  },
  E_KERNEL_TOO_OLD: {
    exitCode: 1,
    message: 'the kernel lacks {feature}',
    hint: 'It needs Linux 5.15 on x86-64, 6.4 on arm64; kube-netc doctor lists what is there and what is not.',
  },
  E_LIBBPF_MISSING: {
    exitCode: 1,
    message: 'cannot load libbpf.so.1: {reason}',
    hint: 'Install libbpf 1.1 or newer: libbpf1 on Debian and Ubuntu, libbpf on Fedora, Alpine and Arch.',
  },
  E_OBJECT_MISSING: {
    exitCode: 1,
    message: 'no BPF object at {path}',
    hint: 'sh tools/build-bpf.sh builds it; npm start does so by itself.',
  },
  E_PROBE_LOAD: {
    exitCode: 1,
    message: 'the kernel refused to load {program}: {reason}',
    hint: 'kube-netc doctor tries each probe alone and shows what the verifier says.',
  },
  E_BPF: {
    exitCode: 1,
    message: '{operation} failed: {reason}',
    hint: 'kube-netc doctor checks what the agent needs of the kernel.',
  },
  E_AGENT_AWAY: {
    exitCode: 1,
    message: 'no agent answers at {url}: {reason}',
    hint: 'Start one with kube-netc agent, or name its address.',
  },
  E_KUBECONFIG: {
    exitCode: 1,
    message: 'cannot use the kubeconfig {path}: {reason}',
    hint: 'kubectl --kubeconfig FILE cluster-info shows whether it works; its current context is what is used.',
  },
  E_OUTPUT: {
    exitCode: 1,
    message: 'cannot write the output: {reason}',
    hint: 'What was printed is not whole: look for space where it goes.',
  },
  E_INTERNAL: {
    exitCode: 1,
    message: 'internal error: {reason}',
    hint: 'This is a fault of kube-netc: please report it with the output of kube-netc doctor.',
  },
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof ERRORS;

type Names<T extends string> = T extends `${string}{${infer N}}${infer Rest}` ? N | Names<Rest> : never;

/** The values that the message of `C` has places for. */
export type ErrorValues<C extends ErrorCode> = Readonly<
  Record<Names<(typeof ERRORS)[C]['message']>, string | number>
>;

type Values = Readonly<Record<string, string | number>>;

type Options = ErrorOptions & {
  /** What to do, where it is known better than the table knows it. */
  readonly hint?: string;
};

/** An error that a person can act on. Anything else that is thrown is a fault of ours. */
export class NetcError<C extends ErrorCode = ErrorCode> extends Error {
  override readonly name = 'NetcError';
  readonly code: C;
  readonly exitCode: 1 | 2;
  readonly hint: string;

  constructor(code: C, values: ErrorValues<C>, options: Options = {}) {
    super(fill(ERRORS[code].message, values), options);
    this.code = code;
    this.exitCode = ERRORS[code].exitCode;
    this.hint = options.hint ?? ERRORS[code].hint;
  }
}

/** The template with its {names} replaced; a name without a value stays, so that the fault shows. */
function fill(template: string, values: Values): string {
  return template.replaceAll(/\{(\w+)\}/g, (place, name: string) => String(values[name] ?? place));
}

/** What was thrown, as a NetcError: itself, or E_INTERNAL with the rest as its cause. */
export function asNetcError(thrown: unknown): NetcError {
  if (thrown instanceof NetcError) return thrown;
  const reason = thrown instanceof Error ? thrown.message : String(thrown);
  return new NetcError('E_INTERNAL', { reason }, { cause: thrown });
}

/** The one line for a terminal: what happened, what to do, the code to look up. Text from outside is made harmless. */
export function errorLine(error: NetcError): string {
  return printable(`kube-netc: ${error.message}. ${error.hint} (${error.code})`);
}
