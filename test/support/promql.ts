/** A series that a query asks for. */
export interface Selector {
  /** `''`: by no name. With alternatives (`__name__=~"a|b"`) there is a selector for each. */
  readonly metric: string;
  /** Of its matchers. */
  readonly labels: readonly string[];
}

/** What a query in PromQL asks for. */
export interface Query {
  readonly selectors: readonly Selector[];
  /** Of `by`, `on` and their like. */
  readonly grouping: ReadonlySet<string>;
  /** Labels that label_replace and label_join make. */
  readonly made: ReadonlySet<string>;
}

const TOKEN = /"(?:[^"\\]|\\.)*"|[a-zA-Z_:][\w:]*|[\d.]+[a-z]*|=~|!~|!=|[^\s]/g;
const NAME = /^[a-zA-Z_:]/;
const GROUPING = ['by', 'without', 'on', 'ignoring', 'group_left', 'group_right'];
const WORDS = [...GROUPING, 'and', 'or', 'unless', 'bool', 'offset', 'inf', 'nan'];
const MAKERS = ['label_replace', 'label_join'];

/** Reads a query, as far as names go: what it computes is Prometheus' own to say. */
export function readQuery(promql: string): Query {
  const tokens: readonly string[] = promql.match(TOKEN) ?? [];
  const selectors: Selector[] = [];
  const grouping = new Set<string>();
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i] ?? '';
    if (GROUPING.includes(token) && tokens[i + 1] === '(') {
      const end = tokens.indexOf(')', i);
      for (const label of tokens.slice(i + 2, end)) if (label !== ',') grouping.add(label);
      i = end;
    } else if (token === '{' || isMetric(token, tokens[i + 1])) {
      const end = tokens[token === '{' ? i : i + 1] === '{' ? tokens.indexOf('}', i) : i;
      selectors.push(...selectorsOf(token === '{' ? '' : token, tokens.slice(i, end)));
      i = end;
    }
  }
  return { selectors, grouping, made: madeLabels(promql) };
}

function isMetric(token: string, next: string | undefined): boolean {
  const isCall = next === '(' || next === 'by' || next === 'without';
  return NAME.test(token) && !isCall && !WORDS.includes(token);
}

function selectorsOf(metric: string, tokens: readonly string[]): Selector[] {
  const labels = tokens.filter((token, i) => NAME.test(token) && /^(=|!)/.test(tokens[i + 1] ?? ''));
  const byName = tokens[tokens.indexOf('__name__') + 2];
  const names = labels.includes('__name__') && byName ? alternatives(byName.slice(1, -1)) : [metric];
  const own = labels.filter((label) => label !== '__name__');
  return names.map((name) => ({ metric: name, labels: own }));
}

/** `a_(b|c)_d|e` as a_b_d, a_c_d, e. */
function alternatives(pattern: string): string[] {
  const [, before, inner, after] = /^(.*)\((.*)\)(.*)$/.exec(pattern) ?? [];
  if (inner === undefined) return pattern.split('|');
  const marked = `${before}\0${after}`.split('|');
  return marked.flatMap((name) => inner.split('|').map((word) => name.replace('\0', word)));
}

/** The second argument of each label_replace and label_join: the first string that stands in its own parentheses. */
function madeLabels(promql: string): Set<string> {
  const made = new Set<string>();
  const wanting: boolean[] = []; // by open parenthesis
  let before = '';
  let inBraces = false;
  for (const token of promql.match(TOKEN) ?? []) {
    if (token === '(') wanting.push(MAKERS.includes(before));
    else if (token === ')') wanting.pop();
    else if (token === '{' || token === '}') inBraces = token === '{';
    else if (token.startsWith('"') && !inBraces && wanting.at(-1) === true) {
      made.add(token.slice(1, -1));
      wanting[wanting.length - 1] = false;
    }
    before = token;
  }
  return made;
}
