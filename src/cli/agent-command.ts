import type { Logger } from 'pino';
import { describeCgroupView } from '../cluster/cgroup-view.ts';
import { RunStatistics } from '../libbpf/run-statistics.ts';
import { giveBackSpareMemory } from '../libbpf/spare-memory.ts';
import { checkListen, startServer, warmUp } from '../server/http-server.ts';
import { formatListen } from '../server/listen-address.ts';
import { asNetcError } from '../util/errors.ts';
import type { ApiConfig } from '../cluster/api/api-config.ts';
import { AfterWork } from './after-work.ts';
import { Agent } from './agent.ts';
import { clusterConfig, type ClusterOptions, logProblems, openCluster } from './cluster.ts';
import type { AgentOptions } from './agent-options.ts';
import { openHost } from './host.ts';
import type { Log } from './log.ts';
import { startMonitor } from './start-monitor.ts';

const STOP_LIMIT_MS = 900; // a second is promised

/** Runs the agent until a signal ends it. Throws NetcError when it cannot start. */
export async function runAgent(options: AgentOptions, { log, linesLost }: Log): Promise<void> {
  await checkListen(options.listen);
  const host = openHost(options.cgroupRoot);
  const config = await clusterConfig(options.cluster);
  const { cgroupRoot, nodeRootId } = host;
  const monitor = startMonitor({ ...options, cgroupRoot, nodeRootId }, log);
  log.info(`cgroup v2: ${describeCgroupView(host.view)}`);
  const statistics = options.programStats ? enableStatistics(log) : null;
  const cluster = config && openCluster(config, options.cluster, host);
  const onError = (error: unknown): void => log.error(asNetcError(error).message);
  const spare = new AfterWork(() => void giveBackSpareMemory());
  const agent = new Agent(monitor, host.identity, cluster, options, {
    onSnapshot: () => spare.worked(),
    onError,
    logLinesLost: linesLost,
  });
  const stopLogging = cluster && logProblems(cluster, log);
  try {
    if (config) announce(config, options.cluster, log);
    cluster?.watch.start();
    await agent.start();
    await warmUp(agent);
    const server = await startServer(agent, options.listen, {
      onPage: (page) => agent.pageMade(page),
      onRefused: (reason) => agent.refused(reason),
      onError,
    });
    log.info(`serving http://${formatListen(server.address)}/metrics`);
    log.info(`stopping on ${await stopSignal()}`);
    setTimeout(() => process.exit(0), STOP_LIMIT_MS).unref();
    await server.close();
  } finally {
    stopLogging?.();
    await Promise.all([agent.stop(), cluster?.watch.stop()]);
    spare.stop();
    statistics?.close();
    monitor.close();
  }
}

function announce(config: ApiConfig, { nodeName }: ClusterOptions, log: Logger): void {
  log.info(`names come from the API server: ${config.describe}`);
  if (nodeName === undefined) log.warn('the name of this node is not known: --node-name, or NODE_NAME');
}

/** The first signal; later ones change nothing: Ctrl-C comes twice below npm, which passes it on. */
function stopSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, resolve);
  });
}

/** The kernel's own timing of programs; without it run times stay 0, and nothing else is missing. */
function enableStatistics(log: Logger): RunStatistics | null {
  try {
    return RunStatistics.enable();
  } catch (error) {
    log.warn(`run times of programs stay 0: ${asNetcError(error).message}`);
    return null;
  }
}
