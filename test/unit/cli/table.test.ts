import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatCsv, formatTable } from '../../../src/cli/table.ts';

interface Row {
  readonly name: string;
  readonly size: number;
}

const COLUMNS = [
  { title: 'NAME', cell: (row: Row) => row.name },
  { title: 'SIZE', cell: (row: Row) => String(row.size), right: true },
  { title: 'END', cell: (row: Row) => (row.size > 9 ? 'yes' : '') },
];

describe('a table', () => {
  test('has its columns under each other, numbers to the right, no blanks at the end of lines', () => {
    const rows = [
      { name: 'a', size: 12_345 },
      { name: 'longer name', size: 6 },
    ];
    expect(formatTable(COLUMNS, rows)).toBe(
      ['NAME          SIZE  END', 'a            12345  yes', 'longer name      6', ''].join('\n'),
    );
  });

  test('without rows is its titles', () => {
    expect(formatTable(COLUMNS, [])).toBe('NAME  SIZE  END\n');
  });

  test('shows text from outside without letting it act on the terminal', () => {
    const name = '\x1b[2J\x1b]0;owned\x07\r\nroot\u202e\u009b31m';
    const shown = formatTable(COLUMNS, [{ name, size: 1 }]);
    expect(shown.split('\n')).toHaveLength(3);
    expect(shown).toContain('\\x1b[2J\\x1b]0;owned\\x07\\x0d\\x0aroot\\u{202e}\\x9b31m');
  });

  test('has one line a row and no control character, whatever the names are', () => {
    const name = fc.string({
      unit: fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)),
    });
    fc.assert(
      fc.property(fc.array(fc.record({ name, size: fc.nat() })), (rows) => {
        const lines = formatTable(COLUMNS, rows).split('\n');
        expect(lines).toHaveLength(rows.length + 2);
        expect(lines.join('')).not.toMatch(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u);
      }),
    );
  });
});

/** What a reader of RFC 4180 makes of it. */
function parseCsv(text: string): string[][] {
  const lines: string[][] = [];
  let line: string[] = [];
  for (const [, quoted, plain, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/g)) {
    line.push(quoted?.replaceAll('""', '"') ?? plain ?? '');
    if (end === ',') continue;
    lines.push(line);
    line = [];
  }
  return lines;
}

describe('CSV', () => {
  test('puts commas, quotes and line breaks between quotes; what is not known is empty', () => {
    expect(
      formatCsv(
        ['a', 'b'],
        [
          ['x,y', 1],
          ['say "hi"', null],
          ['two\nlines', 0.5],
        ],
      ),
    ).toBe('a,b\r\n"x,y",1\r\n"say ""hi""",\r\n"two\nlines",0.5\r\n');
  });

  test('comes back as it went in', () => {
    const field = fc.string({ unit: fc.constantFrom('a', ',', '"', '\n', '\r', ' ', 'ü', ';') });
    const rows = fc.array(fc.tuple(field, field), { minLength: 1 });
    fc.assert(
      fc.property(rows, (table) => {
        expect(parseCsv(formatCsv(['one', 'two'], table))).toEqual([['one', 'two'], ...table]);
      }),
    );
  });
});
