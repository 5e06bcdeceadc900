import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findTool } from '../hosts/find-tool.ts';
import { HostProcess } from '../hosts/host-process.ts';
import type { Lab } from '../hosts/lab.ts';

/** A series of an answer, with its value at the time of the question. */
export interface Series {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A rule as the server has it. */
export interface RuleState {
  /** Of the record or the alert. */
  readonly name: string;
  /** `unknown` before its first evaluation. */
  readonly health: 'ok' | 'err' | 'unknown';
  readonly lastError?: string;
  /** How long its last evaluation took, seconds. */
  readonly evaluationTime: number;
}

interface Answer<T> {
  readonly status: string;
  readonly error?: string;
  readonly data: T;
}
type Point = readonly [seconds: number, value: string];
interface QueryData<T> {
  readonly result: readonly ({ readonly metric: Readonly<Record<string, string>> } & T)[];
}

const START_LIMIT_MS = 60_000;

/** A real Prometheus on a free port of loopback, with its files in the lab's folder. */
export class PrometheusServer {
  readonly process: HostProcess;
  readonly #url: string;

  private constructor(process: HostProcess, url: string) {
    this.process = process;
    this.#url = url;
  }

  /**
   * Starts it with a configuration in YAML, and flags if need be, and waits until it listens.
   * @param program another than that of the machine
   */
  static async start(
    lab: Pick<Lab, 'folder'>,
    configuration: string,
    flags: readonly string[] = [],
    program = findTool('prometheus'),
  ): Promise<PrometheusServer> {
    const file = join(lab.folder, 'prometheus.yml');
    writeFileSync(file, configuration);
    const argv = [program, `--config.file=${file}`, '--web.listen-address=127.0.0.1:0'];
    const child = new HostProcess([
      'setpriv',
      '--pdeathsig',
      'KILL',
      ...argv,
      `--storage.tsdb.path=${join(lab.folder, 'tsdb')}`,
      ...flags,
    ]);
    const end = performance.now() + START_LIMIT_MS;
    for (;;) {
      const address = /Listening on".* address=(\S+)/.exec(child.stderr)?.[1];
      if (address !== undefined) return new PrometheusServer(child, `http://${address}`);
      if (!child.running || performance.now() > end)
        throw new Error(`prometheus does not listen: ${child.stderr.slice(-600)}`);
      await sleep(20);
    }
  }

  /** The answer to a question in PromQL, as of now. Throws what Prometheus says is wrong with it. */
  async query(promql: string): Promise<readonly Series[]> {
    const { result } = await this.#ask<QueryData<{ value: Point }>>('query', { query: promql });
    return result.map(({ metric, value }) => ({ labels: metric, value: Number(value[1]) }));
  }

  /** The one value of the answer. Throws when it has none, or several. */
  async value(promql: string): Promise<number> {
    const [series, ...more] = await this.query(promql);
    if (series === undefined || more.length > 0)
      throw new Error(`${promql}: ${more.length + (series ? 1 : 0)} series`);
    return series.value;
  }

  /** The answer to a question as of each of the last seconds; the value is the last that is a number. */
  async range(promql: string, seconds: number): Promise<readonly Series[]> {
    const end = Date.now() / 1000;
    const of = { query: promql, start: String(end - seconds), end: String(end), step: '1s' };
    const { result } = await this.#ask<QueryData<{ values: readonly Point[] }>>('query_range', of);
    return result.map(({ metric, values }) => {
      const numbers = values.map(([, value]) => Number(value)).filter((value) => Number.isFinite(value));
      return { labels: metric, value: numbers.at(-1) ?? Number.NaN };
    });
  }

  /** What was scraped of the one series of a range selector: `up[20s]`. */
  async samples(range: string): Promise<readonly { readonly seconds: number; readonly value: number }[]> {
    const { result } = await this.#ask<QueryData<{ values: readonly Point[] }>>('query', { query: range });
    const [series, ...more] = result;
    if (series === undefined || more.length > 0) throw new Error(`${range}: ${result.length} series`);
    return series.values.map(([seconds, value]) => ({ seconds, value: Number(value) }));
  }

  /** The unit of a metric family, which only OpenMetrics has. */
  async unit(family: string): Promise<string | undefined> {
    const metadata = await this.#ask<readonly { unit: string }[]>('targets/metadata', { metric: family });
    return metadata[0]?.unit;
  }

  /** What has become of the rules at their last evaluation. */
  async rules(): Promise<readonly RuleState[]> {
    const { groups } = await this.#ask<{ groups: readonly { rules: readonly RuleState[] }[] }>('rules', {});
    return groups.flatMap((group) => group.rules);
  }

  /** Waits until the answer has a series with a value other than 0. */
  async until(promql: string, limitMs = 60_000): Promise<void> {
    const end = performance.now() + limitMs;
    while (!(await this.query(promql).catch(() => [])).some(({ value }) => value !== 0)) {
      if (performance.now() > end) throw new Error(`${promql} had no answer for ${limitMs} ms`);
      await sleep(100);
    }
  }

  async stop(): Promise<void> {
    await this.process.stop({ graceMs: 2_000 });
  }

  async #ask<T>(what: string, parameters: Record<string, string>): Promise<T> {
    const response = await fetch(`${this.#url}/api/v1/${what}?${new URLSearchParams(parameters).toString()}`);
    const answer = (await response.json()) as Answer<T>;
    if (answer.status !== 'success') throw new Error(`prometheus: ${answer.error}`);
    return answer.data;
  }
}
