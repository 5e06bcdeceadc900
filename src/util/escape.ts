const LABEL_SPECIAL = /[\\"\n]/;
const LABEL_SPECIALS = /[\\"\n]/g;
const HELP_SPECIALS = /[\\\n]/g;
// C0 and C1 controls, DEL, the separators that break lines, the marks that turn text round, and lone surrogates.
const UNPRINTABLE = /[\p{Cc}\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\p{Cs}]/gu;

function escapeOne(char: string): string {
  if (char === '\n') return '\\n';
  return char === '"' ? '\\"' : '\\\\';
}

/**
 * A label value as the Prometheus text formats want it between quotes: backslash, quote and line feed are escaped,
 * all else stays (any UTF-8 is allowed there). Lone surrogates become U+FFFD when the text is encoded.
 * Source: "Exposition formats" of the Prometheus documentation, and OpenMetrics 1.0 "escaped-string".
 */
export function escapeLabelValue(text: string): string {
  return LABEL_SPECIAL.test(text) ? text.replace(LABEL_SPECIALS, escapeOne) : text;
}

/** A HELP line of text 0.0.4: backslash and line feed are escaped. OpenMetrics escapes quotes too: use escapeLabelValue. */
export function escapeHelp(text: string): string {
  return text.replace(HELP_SPECIALS, escapeOne);
}

/**
 * Text from outside (process names, request parameters) for a terminal, a log or an error line: what could move the
 * cursor, break the line or turn the reading direction is shown as \xNN or \u{NNNN}. Not reversible: `\` stays as it is.
 */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, (char) => {
    const code = char.codePointAt(0) ?? 0;
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`;
  });
}

const HTML: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Text for an HTML document, as content or between quotes. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => HTML[char] ?? char);
}
