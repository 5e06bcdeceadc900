import { printable } from '../util/escape.ts';

/** A column of a table for people. */
export interface Column<Row> {
  readonly title: string;
  readonly cell: (row: Row) => string;
  /** Numbers stand to the right. */
  readonly right?: boolean;
}

/** Rows under their titles, columns two blanks apart, no blanks at the end of lines. Text from outside is made harmless. */
export function formatTable<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string {
  const cells = [
    columns.map((column) => column.title),
    ...rows.map((row) => columns.map((c) => printable(c.cell(row)))),
  ];
  const widths = columns.map((_, i) =>
    cells.reduce((width, line) => Math.max(width, line[i]?.length ?? 0), 0),
  );
  const pad = (text: string, i: number): string => {
    const width = widths[i] ?? 0;
    return columns[i]?.right ? text.padStart(width) : text.padEnd(width);
  };
  return cells.map((line) => `${line.map(pad).join('  ').trimEnd()}\n`).join('');
}

/** RFC 4180: fields with commas, quotes or line breaks stand between quotes. */
export function formatCsv(
  titles: readonly string[],
  rows: readonly (readonly (string | number | null)[])[],
): string {
  const field = (value: string | number | null): string => {
    const text = value === null ? '' : String(value);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return [titles, ...rows].map((line) => `${line.map(field).join(',')}\r\n`).join('');
}
