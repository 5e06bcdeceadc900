import type { AuditRow, Verdict } from '../collector/audit.ts';
import type { Unreadable } from './audit-sources.ts';

/** What an audit has found, of every namespace. */
export interface AuditReport {
  readonly rows: readonly AuditRow[];
  readonly unreadable: readonly Unreadable[];
  /** Readable namespaces beyond the limit of the audit. */
  readonly skipped: number;
}

const HEAD = ['NAMESPACE', 'COUNTER', 'KERNEL', 'ACCOUNTED', 'EXPLAINED', 'UNEXPLAINED', 'VERDICT'];
const RIGHT = new Set([2, 3, 5]);

/** The report as a table for a terminal, with the verdict over all of it in the last line. Ends with a newline. */
export function formatAuditTable(report: AuditReport): string {
  const lines = [HEAD, ...report.rows.map(cells)];
  const widths = HEAD.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  const table = lines.map((line) =>
    line
      .map((cell, at) => pad(cell, at, widths[at] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  const notes = report.unreadable.map(({ netns, reason }) => `${netns}: not audited: ${reason}`);
  if (report.skipped > 0) notes.push(`${report.skipped} more namespaces: not audited: too many`);
  return `${[...table, ...notes, `verdict: ${overall(report)}`].join('\n')}\n`;
}

/** 0: all that could be told agrees. 1: something is unexplained, or nothing could be told. */
export function auditExitCode({ rows }: AuditReport): 0 | 1 {
  if (rows.some((row) => row.verdict === 'unexplained')) return 1;
  return rows.every((row) => row.verdict === 'cannot tell') ? 1 : 0;
}

function cells(row: AuditRow): string[] {
  const told = row.verdict !== 'cannot tell';
  return [
    row.through === 'self' ? `${row.netns} (own)` : `${row.netns} (${row.through})`,
    row.counter,
    String(row.kernel),
    String(row.accounted),
    row.explained.map(({ cause, count }) => `${count} ${cause.replaceAll('_', ' ')}`).join(', ') || '-',
    told ? String(row.unexplained) : '-',
    told ? row.verdict : `${row.verdict}: ${row.reason}`,
  ];
}

function pad(cell: string, column: number, width: number): string {
  return RIGHT.has(column) ? cell.padStart(width) : cell.padEnd(width);
}

function overall({ rows, unreadable, skipped }: AuditReport): string {
  const count = (verdict: Verdict): number => rows.filter((row) => row.verdict === verdict).length;
  const unexplained = rows.filter((row) => row.verdict === 'unexplained');
  const blind = count('cannot tell');
  const outside = unreadable.length + skipped;
  const rest = [
    blind > 0 ? `${blind} cannot be told` : '',
    outside > 0 ? `${outside} namespaces not audited` : '',
  ].filter((text) => text !== '');
  const but = rest.length > 0 ? `; ${rest.join(', ')}` : '';
  if (unexplained.length > 0) {
    const names = unexplained.map((row) => `${row.counter} of ${row.netns} by ${row.unexplained}`);
    return `unexplained: ${names.join(', ')}${but}`;
  }
  if (blind === rows.length) return `cannot tell${but}`;
  const told = rows.length - blind;
  const exact = count('exact');
  const how = exact === told ? 'exact' : `explained: ${exact} of ${told} exact, the rest within named causes`;
  return `${how}${but}`;
}
