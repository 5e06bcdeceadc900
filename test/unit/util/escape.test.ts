import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { escapeHelp, escapeHtml, escapeLabelValue, printable } from '../../../src/util/escape.ts';

/** What a reader of the text format does with a quoted value. */
function unescape(text: string): string {
  return text.replace(/\\(.)/g, (_, char: string) => (char === 'n' ? '\n' : char));
}

/** Any UTF-16 text, lone surrogates and controls included, with much of what is special. */
const anyText = fc.string({
  unit: fc.oneof(
    fc.constantFrom('\\', '"', '\n', '\\n', '\r', '\0', '\x1b', 'ü', '水', '\u{1f419}', '\ud800', '\udc00'),
    fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)),
  ),
});

describe('a label value', () => {
  test('comes back as it went in, whatever it holds', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(unescape(escapeLabelValue(text))).toBe(text);
      }),
      { numRuns: 2000 },
    );
  });

  test('never ends its quotes and never breaks its line', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(`"${escapeLabelValue(text)}"`).toMatch(/^"(\\[\\n"]|[^\\"\n])*"$/);
      }),
      { numRuns: 2000 },
    );
  });

  test('without anything special is the same string', () => {
    expect(escapeLabelValue('nginx.service')).toBe('nginx.service');
    expect(escapeLabelValue('a\\b"c\nd')).toBe('a\\\\b\\"c\\nd');
  });
});

test('help keeps its quotes', () => {
  expect(escapeHelp('a "b" \\ c\nd')).toBe('a "b" \\\\ c\\nd');
});

test('a terminal is shown controls, never sent them', () => {
  expect(printable('\x1b[31mred\x07\n\x7f\x9b')).toBe('\\x1b[31mred\\x07\\x0a\\x7f\\x9b');
  expect(printable('a\u202eb\ud800c')).toBe('a\\u{202e}b\\u{d800}c');
  expect(printable('ü水\u{1f419} ok')).toBe('ü水\u{1f419} ok');
});

test('HTML is shown, never run', () => {
  expect(escapeHtml(`<img src=x onerror="a('b')">&`)).toBe(
    '&lt;img src=x onerror=&quot;a(&#39;b&#39;)&quot;&gt;&amp;',
  );
});
