// The rules of deploy/prometheus on the page of a running agent, in Prometheus of Debian and in a current one.
import { mkdirSync, mkdtempSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, type TestContext, vi } from 'vitest';
import { ruleFiles, RULES } from '../../tools/gen-rules.ts';
import { findTool, TREE } from '../hosts/find-tool.ts';
import type { Host } from '../hosts/host.ts';
import { runConnectFail, runTcpClient, startTcpServer } from '../hosts/tcp-traffic.ts';
import { whyNoLab } from '../hosts/why-no-lab.ts';
import type { TestAgent } from '../support/agent.ts';
import { ExactLab, startAgent } from '../support/exact-lab.ts';
import { namedByProcess } from '../support/owners.ts';
import { PrometheusServer, type RuleState } from '../support/prometheus.ts';
import { findCurrentPrometheus } from '../support/prometheus-programs.ts';
import { fastRules, rulesOf } from '../support/rules.ts';
import { setUp } from '../support/set-up.ts';

const why = whyNoLab();
const PORT = 5_411;
const CLOSED_PORT = 5_412;
const files = ruleFiles(RULES).map((name) => join(TREE, RULES, name));
const CONNECT = 'kube_netc_edge_connect_duration_seconds';
/** Name of the job, and what Prometheus asks for. */
const PROTOCOLS = {
  text: 'PrometheusText0.0.4',
  openmetrics: 'OpenMetricsText1.0.0',
  protobuf: 'PrometheusProto',
} as const;

/** The program; skips the test where it is not built. */
function currentPrometheus(context: TestContext): string {
  const { folder, why: notThere } = findCurrentPrometheus();
  return folder === null ? context.skip(notThere) : join(folder, 'prometheus');
}

/** The scrape configuration of deploy/prometheus for this agent, every second. */
function staticScrape(agent: TestAgent): string {
  const text = readFileSync(join(TREE, 'deploy/prometheus/scrape-static.yaml'), 'utf8');
  return text.replace('localhost:9655', new URL(agent.url).host);
}

/** The rules when each has been evaluated. */
async function evaluated(prometheus: PrometheusServer): Promise<readonly RuleState[]> {
  for (;;) {
    const rules = await prometheus.rules();
    if (!rules.some(({ health }) => health === 'unknown')) return rules;
    await sleep(200);
  }
}

/** A few connections that work and one that is refused, again and again. */
class Traffic {
  readonly #ended: Promise<void>;
  #wanted = true;

  constructor({ client, server }: ExactLab, port: number) {
    this.#ended = this.#run(client, server.v4, port);
  }

  async #run(client: Host, address: string, port: number): Promise<void> {
    while (this.#wanted) {
      await runTcpClient(client, { address, port, connections: 5, close: 'client' });
      await runConnectFail(client, { address, port: CLOSED_PORT });
      await sleep(200);
    }
  }

  async stop(): Promise<void> {
    this.#wanted = false;
    await this.#ended;
  }
}

describe('Prometheus', () => {
  let exact: ExactLab;
  let agent: TestAgent;
  let traffic: Traffic;

  setUp(why, async (closing) => {
    exact = closing.use(await ExactLab.open(namedByProcess()));
    agent = closing.use(await startAgent());
    await startTcpServer(exact.server, { port: PORT });
    traffic = new Traffic(exact, PORT);
    closing.defer(async () => traffic.stop());
  });

  async function start(name: string, configuration: string, program: string): Promise<PrometheusServer> {
    const folder = join(exact.lab.folder, name);
    mkdirSync(folder, { recursive: true });
    return PrometheusServer.start({ folder }, configuration, [], program);
  }

  /** Evaluates every rule, and looks at what is recorded of the traffic. */
  async function evaluate(name: string, program: string): Promise<void> {
    const folder = mkdtempSync(join(exact.lab.folder, `${name}-`));
    const prometheus = await start(basename(folder), fastRules(folder, files) + staticScrape(agent), program);
    const port = `destination_port="${PORT}"`;
    await prometheus.until(
      `destination:kube_netc_connect_failures:ratio_rate6h{destination_port="${CLOSED_PORT}"} == 1`,
    );
    await prometheus.until(`istio_tcp_sent_bytes_total{${port}}`);
    // each end of an edge tells its own name alone here: that both are one, a cluster's names tell
    await prometheus.until(`count(edge:kube_netc_edge_bytes:rate5m{${port}, direction="to_server"}) == 2`);
    const rules = await evaluated(prometheus);
    expect(rules).toHaveLength(files.flatMap((file) => rulesOf(file)).length);
    expect(rules.filter(({ health }) => health !== 'ok')).toEqual([]);
    const failing = await prometheus.query(`destination:kube_netc_connect_failures:ratio_rate5m{${port}}`);
    expect(failing.filter(({ value }) => value > 0)).toEqual([]);
    await prometheus.stop();
  }

  it('of Debian evaluates every rule on what a running agent tells', async () => {
    await evaluate('debian', findTool('prometheus'));
  });

  it('3 evaluates every rule on what a running agent tells', async (context) => {
    await evaluate('current', currentPrometheus(context));
  });

  it('3 reads the same in text, OpenMetrics and protobuf, and durations as native histograms', async (context) => {
    const jobs = Object.entries(PROTOCOLS).map(
      ([job, protocol]) =>
        `{ job_name: ${job}, honor_labels: true, scrape_native_histograms: true, scrape_protocols: [${protocol}], ` +
        `static_configs: [{ targets: ['${new URL(agent.url).host}'] }] }`,
    );
    const configuration = `{ global: { scrape_interval: 1s }, scrape_configs: [${jobs.join()}] }`;
    const prometheus = await start('protocols', configuration, currentPrometheus(context));
    for (const job of Object.keys(PROTOCOLS)) {
      await prometheus.until(
        `kube_netc_edge_connections_closed_total{job="${job}", destination_port="${PORT}"}`,
      );
    }
    const served = `destination_port="${PORT}", reporter="source"`;
    await prometheus.until(`histogram_count(${CONNECT}{job="protobuf", ${served}})`);
    for (const job of ['text', 'openmetrics'])
      await prometheus.until(`${CONNECT}_count{job="${job}", ${served}}`);
    expect(await prometheus.query(`${CONNECT}_bucket{job="protobuf"}`)).toEqual([]); // so it was protobuf
    // the names of all jobs are the same, but for those of histograms
    const names = async (job: string): Promise<string[]> => {
      const found = await prometheus.query(
        `count by (__name__) ({job="${job}", __name__!~".*_seconds(_bucket|_count|_sum)?"})`,
      );
      return found.map(({ labels }) => labels['__name__'] ?? '').toSorted();
    };
    const quantile = (of: string): Promise<number> => prometheus.value(`histogram_quantile(0.5, ${of})`);
    const compare = async (): Promise<void> => {
      expect(await names('openmetrics')).toEqual(await names('text'));
      expect(await names('protobuf')).toEqual(await names('text'));
      // the native histogram's median is in the classic bucket that has it
      const native = await quantile(`sum(${CONNECT}{job="protobuf", ${served}})`);
      const classic = await prometheus.query(`sum by (le) (${CONNECT}_bucket{job="text", ${served}})`);
      const count = Math.max(...classic.map(({ value }) => value));
      const bounds = classic.flatMap(({ labels, value }) =>
        value >= count / 2 && labels['le'] !== '+Inf' ? [Number(labels['le'])] : [],
      );
      expect(native).toBeGreaterThan(0);
      expect(native).toBeLessThanOrEqual(Math.min(...bounds));
    };
    // at a moment in which a scrape took more than its second there is nothing of its job
    await vi.waitFor(compare, { timeout: 60_000, interval: 200 });
    await prometheus.stop();
  });
});
