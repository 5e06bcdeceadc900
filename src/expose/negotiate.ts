import type { Format } from './page.ts';

/** One element of an Accept or Accept-Encoding header. */
interface Preference {
  readonly value: string;
  readonly parameters: ReadonlyMap<string, string>;
  /** 0 to 1; 0 means "not this". */
  readonly q: number;
}

/** Elements beyond this are not looked at: a real header has under ten. */
const MAX_ELEMENTS = 32;

function parseQ(text: string | undefined): number {
  if (text === undefined) return 1;
  // RFC 9110, 12.4.2. Anything else is a broken header: then the element is as good as absent.
  return /^(0(\.\d{0,3})?|1(\.0{0,3})?)$/.test(text) ? Number(text) : 0;
}

function parsePreferences(header: string): Preference[] {
  return header
    .split(',', MAX_ELEMENTS)
    .map((element) => {
      const [value = '', ...rest] = element.split(';').map((part) => part.trim().toLowerCase());
      const parameters = new Map(
        rest.map((part): [string, string] => {
          const [key = '', text = ''] = part.split('=', 2);
          return [key.trim(), text.trim().replace(/^"(.*)"$/, '$1')];
        }),
      );
      return { value, parameters, q: parseQ(parameters.get('q')) };
    })
    .filter(({ value }) => value !== '');
}

const OFFERS: Readonly<Record<Format, { type: string; version: string }>> = {
  text: { type: 'text/plain', version: '0.0.4' },
  openmetrics: { type: 'application/openmetrics-text', version: '1.0.0' },
};

/** How well a range names the offer: 0 not at all, then any type, its kind, the type itself, the type and its version. */
function specificity({ value, parameters }: Preference, offer: { type: string; version: string }): number {
  if (value === '*/*') return 1;
  if (value === `${offer.type.split('/')[0]}/*`) return 2;
  if (value !== offer.type) return 0;
  const version = parameters.get('version');
  if (version === undefined) return 3;
  return version === offer.version ? 4 : 0;
}

function qualityOf(format: Format, preferences: readonly Preference[]): number {
  let best = 0;
  let q = 0;
  for (const preference of preferences) {
    const fits = specificity(preference, OFFERS[format]);
    if (fits < best || fits === 0) continue;
    q = fits === best ? Math.max(q, preference.q) : preference.q;
    best = fits;
  }
  return q;
}

/**
 * The format a scraper asks for: the one with the higher q, where the most specific range that names a format gives its
 * q (RFC 9110, 12.5.1). Text where both are as welcome, and where neither is: a page that somebody can read is
 * better than a refusal. A version other than ours (OpenMetrics 0.0.1, text 1.0.0) does not name our format.
 */
export function negotiateFormat(accept: string | null | undefined): Format {
  if (!accept) return 'text';
  const preferences = parsePreferences(accept);
  return qualityOf('openmetrics', preferences) > qualityOf('text', preferences) ? 'openmetrics' : 'text';
}

/** The encoding a scraper asks for: gzip where it is named (or `*`) and not less welcome than plain bytes. */
export function negotiateEncoding(acceptEncoding: string | null | undefined): 'gzip' | 'identity' {
  if (!acceptEncoding) return 'identity';
  const preferences = parsePreferences(acceptEncoding);
  const find = (...names: string[]): number | undefined =>
    preferences.find(({ value }) => names.includes(value))?.q;
  const gzip = find('gzip', 'x-gzip') ?? find('*') ?? 0;
  // Plain bytes are always welcome; only a q of their own can put them before gzip.
  return gzip > 0 && gzip >= (find('identity') ?? 0) ? 'gzip' : 'identity';
}
