import type { Group } from '../../../src/expose/metric.ts';
import type { Block, PageBlock } from '../../../src/expose/page.ts';
import type { AgentPort, Health } from '../../../src/server/agent-port.ts';
import { block, labelSet } from '../expose/sample-page.ts';

/** A page like a real one in size: every sample of one page has the same value, the number of the page. */
export class FakePort implements AgentPort {
  calls: string[] = [];
  running = 0;
  mostRunning = 0;
  current: Health = { ready: true, problems: [], snapshotAgeMs: 12.3 };
  failure: Error | null = null;
  /** Resolves before the blocks are given: tests hold pages back with it. */
  gate: Promise<void> = Promise.resolve();
  readonly #labels;
  readonly #values;

  /** `series` series of one connection metric and of one agent metric: about 500 bytes each. */
  constructor(series = 3) {
    this.#labels = Array.from({ length: series }, (_, i) =>
      labelSet(...Array.from({ length: 16 }, (_unused, k) => `value-${k}-of-series-${i}`)),
    );
    this.#values = new Float64Array(series);
  }

  async blocks(groups: ReadonlySet<Group>): Promise<readonly PageBlock[]> {
    this.calls.push([...groups].join());
    this.mostRunning = Math.max(this.mostRunning, ++this.running);
    await this.gate;
    this.running--;
    if (this.failure !== null) throw this.failure;
    // The same array each time: the port may use it again once the next page is asked for.
    this.#values.fill(this.calls.length);
    const all: Record<Group, Block> = {
      connections: {
        metric: 'bytes_sent',
        labels: this.#labels,
        values: this.#values,
        count: this.#labels.length,
      },
      workloads: block('kube_netc_edge_resets_total', [], []),
      agent: block('kube_netc_agent_flows', [labelSet()], [this.calls.length]),
    };
    return [...groups].map((group) => all[group]);
  }

  health(): Health {
    return this.current;
  }
}

/** The values of all samples of a page, without repetition: one, unless a page was torn. */
export function valuesOf(page: string): string[] {
  const lines = page.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return [...new Set(lines.map((line) => line.slice(line.lastIndexOf(' ') + 1)))];
}
