import { native, type Native, type Pointer } from './native.ts';

/** Levels of libbpf. */
export type MessageLevel = 'warn' | 'info' | 'debug';
const LEVELS: readonly MessageLevel[] = ['warn', 'info', 'debug'];

const LINES_MAX = 64; // of one captured call; a failed load says some ten lines, and the first ones name the cause

export interface Captured<T> {
  readonly result: T;
  /** errno right after the call. */
  readonly errno: number;
  /** Warnings that libbpf gave during the call, without its prefix, oldest first. */
  readonly lines: readonly string[];
}

const buffer = Buffer.alloc(16 * 1024); // longer texts are cut; verifier logs do not come this way (log-buffer.ts)
let listening = false;
let lines: string[] | null = null;
let listener: ((level: MessageLevel, line: string) => void) | null = null;
let listenerLevel = 0;

/**
 * Makes a native call and keeps what libbpf warns meanwhile, as context for an error. libbpf itself never writes to
 * stderr once this was used.
 */
export function capture<T>(call: (native: Native) => T): Captured<T> {
  listen();
  const outer = lines;
  const own: string[] = [];
  lines = own;
  try {
    const result = call(native());
    return { result, errno: native().errno(), lines: own };
  } finally {
    lines = outer;
  }
}

/** Sends libbpf's messages up to `level` to a logger too; null stops it. For debugging: 'debug' is many hundred lines a load. */
export function onMessage(
  level: MessageLevel,
  to: ((level: MessageLevel, line: string) => void) | null,
): void {
  listen();
  listener = to;
  listenerLevel = to ? LEVELS.indexOf(level) : 0;
}

function listen(): void {
  if (listening) return;
  native().setPrint(print);
  listening = true;
}

/** Called by libbpf, inside a native call: must not throw. */
function print(level: number, format: Pointer, args: Pointer): number {
  try {
    if (level > listenerLevel) return 0;
    // A va_list argument is an address on x86-64 and on arm64 (a reference to a copy), so it can be handed on as it is.
    const length = native().vsnprintf(buffer, buffer.length, format, args);
    const line = buffer
      .toString('utf8', 0, Math.min(length, buffer.length - 1))
      .replace(/^libbpf: /, '')
      .trimEnd();
    if (level === 0 && lines && lines.length < LINES_MAX) lines.push(line);
    listener?.(LEVELS[level] ?? 'debug', line);
    return length;
  } catch {
    return 0; // an exception cannot pass through C
  }
}
