import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NetcError } from '../util/errors.ts';
import { capabilitiesFor, explainRefusal, readPrivileges } from './capabilities.ts';
import { errnoName, errnoText } from './errno.ts';
import { lastUsefulLines, verifierReason } from './verifier-log.ts';

/** What libbpf left behind when bpf_object__load failed. */
export interface LoadFailure {
  /** errno or -errno. */
  readonly error: number;
  /** libbpf's warnings, oldest first. */
  readonly messages: readonly string[];
  /** The verifier's log of the program that failed; empty when it was not asked. */
  readonly log: string;
  /** Section of a program, to name it fully. */
  readonly sectionOf: (program: string) => string | null;
}

// Repeats what the error says already, or is wrong: the memlock line comes with every EPERM.
const CHATTER =
  /BPF program load failed|^failed to load object|failed to (load|prepare load attributes): |try raising 'ulimit -l'|^Error in bpf_create_map_xattr|PROG LOAD LOG/;

/**
 * A program that the kernel refused. The message is one line; a person who debugs wants `lastLines` below it. The whole
 * log is in a file.
 */
export class ProbeLoadError extends NetcError<'E_PROBE_LOAD'> {
  /** Name of the program; null when something else of the object failed (a map, its BTF). */
  readonly program: string | null;
  readonly errno: string;
  /** Last useful lines of the verifier's log, oldest first. */
  readonly lastLines: readonly string[];
  /** Where the whole log is (mode 0600); null without a log. */
  readonly logPath: string | null;

  constructor(failure: LoadFailure) {
    const program = failedProgram(failure.messages);
    const section = program === null ? null : failure.sectionOf(program);
    const name =
      program === null ? 'the BPF object' : `program '${program}'${section ? ` (${section})` : ''}`;
    const lastLines = lastUsefulLines(failure.log);
    const logPath = failure.log.trim() === '' ? null : writeLog(failure.log);
    const values = { program: name, reason: reasonOf(failure, section ?? '') };
    super(
      'E_PROBE_LOAD',
      values,
      logPath === null ? {} : { hint: `The whole log of the verifier is in ${logPath}` },
    );
    this.program = program;
    this.errno = errnoName(failure.error);
    this.lastLines = lastLines;
    this.logPath = logPath;
  }
}

/** The first program that libbpf named as failed: loading ends with it. */
function failedProgram(messages: readonly string[]): string | null {
  for (const line of messages) {
    const match = /^prog '([^']+)': (BPF program load failed|failed to )/.exec(line);
    if (match?.[1] !== undefined) return match[1];
  }
  return null;
}

function reasonOf(failure: LoadFailure, section: string): string {
  const name = errnoName(failure.error);
  const said = verifierReason(failure.log);
  if (said !== null) return `${said} (${name})`;
  if (name === 'EPERM') return `EPERM: ${explainRefusal(readPrivileges(), capabilitiesFor(section)).reason}`;
  const details = failure.messages
    .filter((line) => !CHATTER.test(line))
    .map((line) => line.replace(/^prog '[^']+': /, ''));
  // errno's own words are for another use of the number: ESRCH says "No such process" for a missing kernel type
  return details.length > 0 ? `${details.slice(0, 3).join('; ')} (${name})` : errnoText(failure.error);
}

/** In a directory of its own, so that nobody else can have put a link there. Gives null when it cannot be written. */
function writeLog(log: string): string | null {
  try {
    const path = join(mkdtempSync(join(tmpdir(), 'kube-netc-')), 'verifier.log');
    writeFileSync(path, log, { mode: 0o600, flag: 'wx' });
    return path;
  } catch {
    return null; // a read-only file system must not hide the error itself
  }
}
