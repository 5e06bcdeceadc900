import type { Page } from '../../test/support/page.ts';

/** What an agent takes of the processors, by what it says of itself on its pages. */
export class AgentCpu {
  #seconds: number;
  #atMs: number;

  /** @param page that has come just now */
  constructor(page: Page) {
    this.#seconds = cpuSeconds(page);
    this.#atMs = performance.now();
  }

  /** Since the last page. @param page that has come just now */
  millicores(page: Page): number {
    const [seconds, atMs] = [cpuSeconds(page), performance.now()];
    const millicores = ((seconds - this.#seconds) / (atMs - this.#atMs)) * 1_000_000;
    [this.#seconds, this.#atMs] = [seconds, atMs];
    return millicores;
  }
}

function cpuSeconds(page: Page): number {
  return page.value('kube_netc_agent_cpu_seconds_total');
}
