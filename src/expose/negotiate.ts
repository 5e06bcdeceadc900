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

/** A media type that we have. */
interface Offer {
  readonly type: string;
  /** In lower case. A parameter that is not here (charset, escaping, q) does not matter: our names need no escaping. */
  readonly parameters: Readonly<Record<string, string>>;
}

/** What people can read comes first: it is what a header gets that likes several as much. */
const OFFERS: readonly (readonly [Format, Offer])[] = [
  ['text', { type: 'text/plain', parameters: { version: '0.0.4' } }],
  ['openmetrics', { type: 'application/openmetrics-text', parameters: { version: '1.0.0' } }],
  [
    'protobuf',
    {
      type: 'application/vnd.google.protobuf',
      parameters: { proto: 'io.prometheus.client.metricfamily', encoding: 'delimited' },
    },
  ],
];

/** How well a range names the offer: 0 not at all, then any type, its kind, the type itself, and with parameters. */
function specificity({ value, parameters }: Preference, offer: Offer): number {
  if (value === '*/*') return 1;
  if (value === `${offer.type.split('/')[0]}/*`) return 2;
  if (value !== offer.type) return 0;
  let named = 3;
  for (const [name, ours] of Object.entries(offer.parameters)) {
    const asked = parameters.get(name);
    if (asked === undefined) continue;
    if (asked !== ours) return 0;
    named++;
  }
  return named;
}

function qualityOf(offer: Offer, preferences: readonly Preference[]): number {
  let best = 0;
  let q = 0;
  for (const preference of preferences) {
    const fits = specificity(preference, offer);
    if (fits < best || fits === 0) continue;
    q = fits === best ? Math.max(q, preference.q) : preference.q;
    best = fits;
  }
  return q;
}

/**
 * The format a scraper asks for: the one with the highest q, where the most specific range that names a format gives its
 * q (RFC 9110, 12.5.1). Text where all are as welcome, and where none is: a page that somebody can read is
 * better than a refusal. A version other than ours (OpenMetrics 0.0.1, text 1.0.0) does not name our format.
 */
export function negotiateFormat(accept: string | null | undefined): Format {
  if (!accept) return 'text';
  const preferences = parsePreferences(accept);
  let best: Format = 'text';
  let bestQ = 0;
  for (const [format, offer] of OFFERS) {
    const q = qualityOf(offer, preferences);
    if (q <= bestQ) continue;
    best = format;
    bestQ = q;
  }
  return best;
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
