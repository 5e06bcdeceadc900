import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LineScanner } from '../../../../src/cluster/api/line-scanner.ts';
import { ListScanner } from '../../../../src/cluster/api/list-scanner.ts';

const LIMIT = 1_000_000;

/** The text in parts that end where `cuts` says, within characters too. */
function inParts(text: string, cuts: readonly number[]): Buffer[] {
  const bytes = Buffer.from(text);
  const at = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  return [0, ...at].map((from, i) => bytes.subarray(from, at[i] ?? bytes.length));
}

function scan(scanner: ListScanner | LineScanner, parts: readonly Buffer[]): string[] {
  const found: string[] = [];
  for (const part of parts) {
    scanner.feed(part);
    for (let text = scanner.next(); text !== null; text = scanner.next()) found.push(text);
  }
  return found;
}

function scanList(text: string, cuts: readonly number[] = []): { items: unknown[]; members: unknown } {
  const scanner = new ListScanner(LIMIT);
  const items = scan(scanner, inParts(text, cuts)).map((item) => JSON.parse(item) as unknown);
  return { items, members: scanner.end() };
}

const cuts = fc.array(fc.nat(10_000), { maxLength: 12 });
const object = fc.dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue({ maxDepth: 4 }));

describe('the scanner of lists', () => {
  test('finds what JSON.parse finds, wherever the parts end and in any order of members', () => {
    fc.assert(
      fc.property(
        fc.array(object, { maxLength: 6 }),
        object,
        fc.boolean(),
        fc.constantFrom(undefined, 1, '\t'),
        cuts,
        (items, metadata, itemsFirst, indent, at) => {
          const list = itemsFirst ? { items, kind: 'L', metadata } : { kind: 'L', metadata, items };
          const found = scanList(JSON.stringify(list, null, indent), at);
          const { items: _, ...members } = JSON.parse(JSON.stringify(list)) as { items: unknown };
          expect(found).toEqual({ items: JSON.parse(JSON.stringify(items)), members });
        },
      ),
      { numRuns: 200 },
    );
  });

  test('takes only the items at the top for items', () => {
    const list = '{"metadata":{"items":[{"a":1}],"x":"\\"items\\":["},"items":[{"items":[2]}],"more":[[3]]}';
    expect(scanList(list)).toEqual({
      items: [{ items: [2] }],
      members: { metadata: { items: [{ a: 1 }], x: '"items":[' }, more: [[3]] },
    });
    expect(scanList('{"items":null}')).toEqual({ items: [], members: { items: null } });
    expect(scanList(' { "items" : [ ] } ')).toEqual({ items: [], members: {} });
  });

  test('says so when the body ends too early, at whichever byte', () => {
    const list = '{"metadata":{"resourceVersion":"1"},"items":[{"a":"\\"}"},{"b":[1,2]}]}';
    for (let end = 0; end < list.length; end++) {
      const scanner = new ListScanner(LIMIT);
      scan(scanner, [Buffer.from(list.slice(0, end))]);
      expect(() => scanner.end()).toThrow('ends in the middle');
    }
  });

  test.each(['[]', '{"items":[]}}', '{"items":[]}{', ']', '{"kind":}'])('refuses %s', (text) => {
    expect(() => scanList(text)).toThrow(expect.objectContaining({ kind: 'garbled' }));
  });

  test('holds no more than the limit of an object, in one part or in many', () => {
    const list = `{"items":[{"a":"${'x'.repeat(200)}"}]}`;
    for (const at of [[], [20, 40, 60, 80, 100, 120, 140, 160, 180]]) {
      expect(() => scan(new ListScanner(150), inParts(list, at))).toThrow(
        expect.objectContaining({ kind: 'too_large' }),
      );
      expect(scan(new ListScanner(300), inParts(list, at))).toHaveLength(1);
    }
  });
});

describe('the scanner of watches', () => {
  test('finds the lines, wherever the parts end', () => {
    fc.assert(
      fc.property(
        fc.array(object, { maxLength: 8 }),
        fc.constantFrom('\n', '\r\n', '\n\n'),
        cuts,
        (objects, eol, at) => {
          const scanner = new LineScanner(LIMIT);
          const text = objects.map((each) => JSON.stringify(each) + eol).join('');
          const found = scan(scanner, inParts(text, at)).map((line) => JSON.parse(line) as unknown);
          scanner.end();
          expect(found).toEqual(JSON.parse(JSON.stringify(objects)));
        },
      ),
      { numRuns: 300 },
    );
  });

  test('says so when the body ends within a line', () => {
    const scanner = new LineScanner(LIMIT);
    expect(scan(scanner, [Buffer.from('{}\n{"a"')])).toEqual(['{}']);
    expect(() => scanner.end()).toThrow('within an event');
  });

  test('holds no more than the limit of a line, with or without its end', () => {
    const line = Buffer.from('x'.repeat(200));
    for (const parts of [
      [line, Buffer.from('\n')],
      [Buffer.concat([line, Buffer.from('\n')])],
      [line, line],
    ]) {
      expect(() => scan(new LineScanner(150), parts)).toThrow(expect.objectContaining({ kind: 'too_large' }));
    }
    expect(scan(new LineScanner(200), [line, Buffer.from('\n')])).toHaveLength(1);
  });
});
