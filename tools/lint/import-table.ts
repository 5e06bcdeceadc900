import { isBuiltin } from 'node:module';
import { posix } from 'node:path';

/**
 * Which folder may import what: the table of DESIGN.md, "the way of a byte". A folder may always import itself.
 * Paths are relative to the root of the tree; built-in modules are written node:name.
 */
interface Row {
  /** Files that the row is about. */
  readonly files: RegExp;
  /** What they must not import: a path, a package or a built-in module. */
  readonly mustNot: RegExp;
  /** What of that they may import nevertheless. */
  readonly except?: RegExp;
  /** What of that they may import nevertheless by `import type`. */
  readonly exceptTypes?: RegExp;
  readonly why: string;
}

const HTTP = 'node:https?|node:http2';

export const IMPORT_TABLE: readonly Row[] = [
  {
    files: /^src\/(abi|util)\//,
    mustNot: /^(src|web|test|tools|bench)\//,
    why: 'it imports nothing of ours, so that everything can import it',
  },
  {
    files: /^src\/abi\//,
    mustNot: /^(?!node:|src\/)/,
    why: 'the layouts have no dependency',
  },
  {
    files: /^src\/libbpf\//,
    mustNot: /^src\/(?!(abi|util)\/)/,
    why: 'the binding knows layouts and nothing of what is made of them',
  },
  {
    files: /^(?!src\/libbpf\/)/,
    mustNot: /^koffi(\/|$)/,
    why: 'native memory is touched in src/libbpf alone',
  },
  {
    files: /^src\/tracker\//,
    mustNot: new RegExp(String.raw`^(src/(libbpf|cluster)/|(${HTTP}|node:timers(/promises)?)$)`),
    why: 'the tracker is pure: bytes and a clock in, columns out',
  },
  {
    files: /^src\/cluster\//,
    mustNot: /^src\/(libbpf|tracker|expose)\//,
    why: 'who owns an address does not depend on what is measured',
  },
  {
    files: /^src\/collector\//,
    mustNot: new RegExp(`^(src/(libbpf|cluster)/|(${HTTP})$)`),
    except: /^src\/cluster\/identity\.ts$/,
    why: 'of the cluster it sees the identity index alone',
  },
  {
    files: /^src\/expose\//,
    mustNot: /^src\/(tracker|cluster|libbpf)\//,
    why: 'the encoders are pure',
  },
  {
    files: /^src\/server\//,
    mustNot: /^src\/(libbpf|tracker|cluster)\//,
    why: 'the server gets what it serves through its port',
  },
  {
    files: /^(?!src\/cli\/|test\/)/,
    mustNot: /^src\/cli\//,
    why: 'src/cli puts the parts together; no part knows it',
  },
  {
    files: /^src\//,
    mustNot: /^(web|test|tools|bench)\//,
    why: 'the product does not depend on what is built around it',
  },
  {
    files: /^web\//,
    mustNot: /^src\//,
    exceptTypes: /^src\/abi\//,
    why: 'the browser shares types of src/abi with the agent, and no code',
  },
];

/** The folder whose files may always import each other: src/tracker of src/tracker/columns/grow.ts. */
function folderOf(path: string): string {
  const parts = path.split('/');
  return parts.slice(0, parts[0] === 'src' ? 2 : 1).join('/');
}

/** What a specifier means in `file`: a path relative to the root, node:name, or the package as it is written. */
function targetOf(file: string, specifier: string): string {
  if (specifier.startsWith('.')) return posix.normalize(posix.join(posix.dirname(file), specifier));
  return isBuiltin(specifier) && !specifier.startsWith('node:') ? `node:${specifier}` : specifier;
}

/**
 * Why `file` (relative to the root of the tree) must not import `specifier`, or null if it may.
 * @param typeOnly the import vanishes when the types are stripped
 */
export function forbidden(file: string, specifier: string, typeOnly: boolean): string | null {
  const target = targetOf(file, specifier);
  if (target.startsWith(`${folderOf(file)}/`)) return null;
  for (const row of IMPORT_TABLE) {
    if (!row.files.test(file) || !row.mustNot.test(target)) continue;
    if (row.except?.test(target) || (typeOnly && row.exceptTypes?.test(target))) continue;
    return `${folderOf(file)} must not import ${target}: ${row.why}.`;
  }
  return null;
}
