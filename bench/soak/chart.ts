import { spans, type Point } from './growth.ts';

/** One small chart. */
export interface Panel {
  readonly title: string;
  readonly unit: string;
  readonly points: readonly Point[];
}

const [WIDTH, HEIGHT, GAP, COLUMNS, POINTS] = [240, 80, 20, 3, 80];
const [LEFT, TOP] = [38, 20];
/** Of the middle between light and dark, so that it can be read on either. */
const [INK, LINE] = ['#768390', '#2f81c7'];

/** Small charts beside each other, from zero up, as SVG. @param warmUp the share of the time that is shaded */
export function chart(panels: readonly Panel[], warmUp: number): string {
  const rows = Math.ceil(panels.length / COLUMNS);
  const [width, height] = [COLUMNS * (WIDTH + GAP), rows * (HEIGHT + TOP + GAP)];
  const drawn = panels.map((panel, i) => {
    const [x, y] = [(i % COLUMNS) * (WIDTH + GAP), Math.floor(i / COLUMNS) * (HEIGHT + TOP + GAP)];
    return `<g transform="translate(${x} ${y})">${drawPanel(panel, warmUp)}</g>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="11" fill="${INK}">
${drawn.join('\n')}
</svg>
`;
}

function drawPanel({ title, unit, points }: Panel, warmUp: number): string {
  const shown = spans(points, POINTS);
  const seconds = points.at(-1)?.second ?? 1;
  const top = niceAbove(Math.max(...shown.map(({ value }) => value), 0));
  const x = (second: number): number => Math.round(LEFT + (second / seconds) * (WIDTH - LEFT));
  const y = (value: number): number => Number((TOP + HEIGHT - (value / top) * HEIGHT).toFixed(1));
  const line = shown.map(({ second, value }) => `${x(second)},${y(value)}`).join(' ');
  const shade = Math.round((WIDTH - LEFT) * warmUp);
  return [
    `<text x="${LEFT}" y="13">${title}${unit === '' ? '' : `, ${unit}`}</text>`,
    `<rect x="${LEFT}" y="${TOP}" width="${shade}" height="${HEIGHT}" fill="${INK}" fill-opacity=".13"/>`,
    `<path d="M${LEFT} ${TOP}V${TOP + HEIGHT}H${WIDTH}" fill="none" stroke="${INK}"/>`,
    `<text x="${LEFT - 4}" y="${TOP + 8}" text-anchor="end">${top}</text>`,
    `<text x="${LEFT - 4}" y="${TOP + HEIGHT}" text-anchor="end">0</text>`,
    `<text x="${WIDTH}" y="${TOP + HEIGHT + 12}" text-anchor="end">${Math.round(seconds / 60)} min</text>`,
    `<polyline points="${line}" fill="none" stroke="${LINE}" stroke-width="1.5"/>`,
  ].join('');
}

/** The least of 1, 2, 4, 6 or 8 times a power of ten that is not below the value. */
function niceAbove(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value || 1));
  const step = [1, 2, 4, 6, 8, 10].find((each) => each * power >= value) ?? 10;
  return Number((step * power).toPrecision(2));
}
