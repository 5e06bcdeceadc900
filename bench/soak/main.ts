// The agent for N minutes under traffic that comes and goes, scrapers of all kinds and a slow one, and namespaces that are
// deleted. Fails when anything grows in the second half, or when a byte is missing in the end. Writes
// bench/results/soak.json and docs/soak.svg; with a leak put in on purpose (--leak memory|descriptors) build/soak.*, and
// it should fail. As root: npm run soak -- --minutes 30 [--rate 600] [--leak memory]
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { cgroup2Mount } from '../../test/hosts/cgroup.ts';
import { TREE } from '../../test/hosts/find-tool.ts';
import { TestAgent } from '../../test/support/agent.ts';
import { ExactLab } from '../../test/support/exact-lab.ts';
import { circumstances } from '../support/circumstances.ts';
import { chart } from './chart.ts';
import { spans, WARM_UP_SHARE } from './growth.ts';
import { Courses, type Name, NAMES, QUANTITIES, verdict } from './quantities.ts';
import { soak } from './soak.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '30' },
    rate: { type: 'string', default: '600' },
    leak: { type: 'string' },
  },
});
const [minutes, perSecond] = [Number(values.minutes), Number(values.rate)];
if (!(minutes >= 1 && perSecond >= 2)) throw new Error('--minutes is 1 or more, --rate 2 or more');
/** Quantities are kept in so many points: enough for the chart, little for a file. */
const KEPT = 90;
const FLAGS = ['--interval', '1s', '--series-ttl', '1m'];

const mount = cgroup2Mount();
const exact = await ExactLab.open(mount === null ? {} : { cgroup: 'traffic' });
// Of the sockets of the soak alone, so that other work on the machine changes no number, where cgroup v2 can tell.
const root = mount === null ? [] : ['--cgroup-root', join(mount, exact.lab.id)];
const env = leakEnv(values.leak);
const agent = await TestAgent.start([...FLAGS, ...root], env);
const courses = new Courses();
const noted = circumstances();
const { sums, visits, differences, slowBytes } = await soak({ agent, exact, minutes, perSecond, courses });
const end = await agent.stop();
await exact.close();

const verdicts = Object.fromEntries(NAMES.map((name) => [name, verdict(name, courses.of[name])]));
const growing = NAMES.filter((name) => verdicts[name]?.grows);
const isGood = growing.length === 0 && differences.length === 0 && end.code === 0;
const result = {
  bench: 'soak',
  ...noted(),
  minutes,
  perSecond,
  warmUpShare: WARM_UP_SHARE,
  isGood,
  growing,
  differences,
  sums: { ...sums, visits, slowBytes },
  verdicts,
  courses: Object.fromEntries(NAMES.map((name) => [name, kept(name)])),
};
const panels = NAMES.map((name) => ({ ...QUANTITIES[name], points: courses.of[name] }));
write(values.leak === undefined ? 'bench/results/soak.json' : 'build/soak.json', json(result));
write(values.leak === undefined ? 'docs/soak.svg' : 'build/soak.svg', chart(panels, WARM_UP_SHARE));
console.table(verdicts);
console.log(JSON.stringify({ isGood, growing, differences, sums: result.sums, end }));
process.exitCode = isGood ? 0 : 1;

function leakEnv(leak: string | undefined): NodeJS.ProcessEnv {
  if (leak === undefined) return {};
  if (leak !== 'memory' && leak !== 'descriptors') throw new Error('--leak is memory or descriptors');
  return { SOAK_LEAK: leak, NODE_OPTIONS: `--import ${join(import.meta.dirname, 'leak.ts')}` };
}

function kept(name: Name): [second: number, value: number][] {
  return spans(courses.of[name], KEPT).map(({ second, value }) => [
    Math.round(second),
    Number(value.toPrecision(5)),
  ]);
}

/** A course is one line. */
function json(of: object): string {
  return `${JSON.stringify(of, null, 2).replace(/\[\s+([-\d.]+),\s+([-\d.]+)\s+\]/g, '[$1, $2]')}\n`;
}

function write(path: string, text: string): void {
  mkdirSync(dirname(join(TREE, path)), { recursive: true });
  writeFileSync(join(TREE, path), text);
}
