import { cgroup2Mount } from '../../test/hosts/cgroup.ts';
import type { TestAgent } from '../../test/support/agent.ts';
import type { ExactLab } from '../../test/support/exact-lab.ts';
import { AgentCpu } from '../support/agent-cpu.ts';
import type { Difference } from './difference.ts';
import { every } from './every.ts';
import { SoakLoad } from './load.ts';
import { readProcess } from './process.ts';
import type { Courses } from './quantities.ts';
import { scrape, SCRAPERS, scrapeSlowly } from './scrapes.ts';
import { visit } from './visit.ts';

const READ_MS = 5_000;
const SCRAPE_MS = 15_000;
const SLOW_MS = 60_000;
const VISIT_MS = 10_000;
const FAIL_MS = 10_000;
const TALK_MS = 2_000;
/** For the begin and the end of a soak. */
const SLACK_SECONDS = 600;
/** Differences that are kept: the first ones tell enough. */
const DIFFERENCES_MAX = 10;

export interface SoakOptions {
  readonly agent: TestAgent;
  readonly exact: ExactLab;
  readonly minutes: number;
  /** New connections. */
  readonly perSecond: number;
  /** Are added to. */
  readonly courses: Courses;
}

export interface SoakResult {
  readonly sums: object;
  readonly visits: number;
  /** What slow readers have had. */
  readonly slowBytes: number;
  /** What the page and the programs say otherwise. */
  readonly differences: readonly Difference[];
}

/** Lets traffic, scrapers and visitors run for so long. Throws when one of them fails. */
export async function soak({ agent, exact, minutes, perSecond, courses }: SoakOptions): Promise<SoakResult> {
  const load = await SoakLoad.start(exact, minutes * 60 + SLACK_SECONDS);
  const cgroup = cgroup2Mount() === null ? null : exact.lab.cgroup('traffic');
  const differences: Difference[] = [];
  const differ = (found: readonly Difference[]): void => {
    differences.push(
      ...found.filter(({ isEqual }) => !isEqual).slice(0, DIFFERENCES_MAX - differences.length),
    );
  };
  let [visits, slowBytes] = [0, 0];
  const fromMs = performance.now();
  const second = (): number => (performance.now() - fromMs) / 1_000;
  const readings = new Readings(agent, courses);
  const end = new AbortController();
  const steps: [ms: number, step: () => Promise<unknown>][] = [
    [1_000, () => load.churn(Math.round(perSecond / 2))],
    [TALK_MS, () => load.talk()],
    [FAIL_MS, () => load.fail()],
    [READ_MS, () => readings.read(second())],
    [SLOW_MS, async () => (slowBytes += await scrapeSlowly(agent.url, end.signal))],
    [VISIT_MS, async () => differ((visits++, await visit(agent, cgroup)))],
    ...SCRAPERS.map(({ name, headers }): [number, () => Promise<unknown>] => [
      SCRAPE_MS,
      async () => courses.add(name, second(), await scrape(agent.url, headers)),
    ]),
  ];
  const timer = setTimeout(() => end.abort(), minutes * 60_000);
  try {
    await Promise.all(steps.map(([ms, step]) => every(ms, end.signal, step).finally(() => end.abort())));
  } finally {
    clearTimeout(timer);
  }
  const { sums, differences: last } = await load.close(agent);
  differ(last);
  return { sums, visits, slowBytes, differences };
}

/** What the agent takes and says of itself, now and again. */
class Readings {
  readonly #agent: TestAgent;
  readonly #courses: Courses;
  #cpu: AgentCpu | null = null;

  constructor(agent: TestAgent, courses: Courses) {
    this.#agent = agent;
    this.#courses = courses;
  }

  async read(second: number): Promise<void> {
    const page = await this.#agent.rawPage('?collect[]=agent');
    const of = (name: string): number => page.value(`kube_netc_agent_${name}`);
    const readings = {
      ...readProcess(this.#agent.process.pid ?? 0),
      liveSockets: of('live_sockets'),
      flows: of('flows'),
      series: of('series'),
      holdMs: of('event_loop_lag_max_seconds') * 1_000,
      millicores: this.#cpu?.millicores(page), // from the second page on
    };
    this.#cpu ??= new AgentCpu(page);
    for (const [name, value] of Object.entries(readings) as [keyof typeof readings, number | undefined][])
      if (value !== undefined) this.#courses.add(name, second, value);
  }
}
