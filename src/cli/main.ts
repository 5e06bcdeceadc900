#!/usr/bin/env node
// The commands of kube-netc and their flags. What a command does is in its own file, loaded when it is asked for.
import { Command, CommanderError } from 'commander';
import type { EdgeLevel, EdgeView } from '../collector/edge-labels.ts';
import type { NamedNetwork } from '../collector/networks.ts';
import type { UdpChoice } from '../libbpf/monitor-plan.ts';
import type { ListenAddress } from '../server/listen-address.ts';
import { asNetcError, errorLine, NetcError } from '../util/errors.ts';
import type { ConnectionsOptions } from './connections-command.ts';
import { duration, flag, FLAGS, ipAddress, SORT_NAMES, wholeNumber } from './flags.ts';
import type { Verbosity } from './log.ts';
import { defaultSlots } from './agent-options.ts';
import { VERSION } from './version.ts';

const program = new Command('kube-netc')
  .description("Who talks to whom, how much and how well, from the kernel's own books.")
  .version(VERSION)
  .exitOverride()
  .configureOutput({ writeErr: () => {} }) // errors are printed once, below
  .showHelpAfterError(false);

program
  .command('agent')
  .description('count every connection of this machine and serve the numbers')
  .addOption(FLAGS.listen())
  .addOption(FLAGS.interval())
  .addOption(FLAGS.udp())
  .addOption(FLAGS.series())
  .addOption(FLAGS.seriesTtl())
  .addOption(FLAGS.edges())
  .addOption(FLAGS.edgeLevel())
  .addOption(FLAGS.edgeLabels())
  .addOption(FLAGS.network())
  .addOption(FLAGS.maxSockets())
  .addOption(FLAGS.maxFlows())
  .addOption(FLAGS.processes())
  .addOption(FLAGS.kubernetes())
  .addOption(FLAGS.kubeconfig())
  .addOption(FLAGS.nodeName())
  .addOption(FLAGS.cgroupRoot())
  .addOption(FLAGS.programStats())
  .addOption(FLAGS.verbosity())
  .action(async (flags: AgentFlags) => {
    const { runAgent } = await import('./agent-command.ts');
    const { makeLogger } = await import('./log.ts');
    await runAgent(
      {
        listen: flags.listen,
        intervalMs: flags.interval,
        udp: flags.udp,
        seriesBudget: flags.series,
        seriesTtlMs: flags.seriesTtl,
        edgesBudget: flags.edges,
        edgeView: { level: flags.edgeLevel, dropped: flags.edgeLabels ?? new Set() },
        networks: flags.network ?? [],
        slots: flags.maxSockets ?? defaultSlots(),
        books: flags.maxFlows,
        trackProcess: flags.processes === 'on',
        programStats: flags.programStats === 'on',
        cgroupRoot: flags.cgroupRoot,
        cluster: { kubernetes: flags.kubernetes, kubeconfig: flags.kubeconfig, nodeName: flags.nodeName },
      },
      await makeLogger(flags.verbosity),
    );
  });

program
  .command('connections')
  .description('show the open TCP sockets of this machine, read once from the kernel; needs no agent')
  .addOption(
    flag('-o, --output <format>', 'how they are printed')
      .choices(['table', 'wide', 'json', 'csv'])
      .default('table'),
  )
  .addOption(
    flag('--sort <column>', 'largest first; addresses in order').choices(SORT_NAMES).default('bytes'),
  )
  .addOption(flag('--limit <number>', 'at most so many').argParser(wholeNumber(1, 10_000_000)).default(1_000))
  .addOption(flag('--address <ip>', 'only sockets with this address at either end').argParser(ipAddress))
  .addOption(
    flag('--port <port>', 'only sockets with this port at either end').argParser(wholeNumber(1, 65_535)),
  )
  .addOption(
    flag(
      '--process <name>',
      'only sockets of processes, units or containers with this in their name, or of this pid',
    ),
  )
  .addOption(FLAGS.cgroupRoot())
  .addOption(FLAGS.verbosity().default('warn'))
  .action(async (flags: ConnectionsOptions & { verbosity: Verbosity }) => {
    const { showConnections } = await import('./connections-command.ts');
    const { makeLogger } = await import('./log.ts');
    const { log } = await makeLogger(flags.verbosity);
    await showConnections(flags, log);
  });

program
  .command('doctor')
  .description(
    'say of each thing that the agent needs whether it is there, and how to get it; exit code 1: it could not run',
  )
  .addOption(FLAGS.kubernetes())
  .addOption(FLAGS.kubeconfig())
  .addOption(FLAGS.nodeName())
  .addOption(FLAGS.cgroupRoot())
  .action(async ({ cgroupRoot, kubernetes, kubeconfig, nodeName }: DoctorFlags) => {
    const { runDoctor } = await import('./doctor-command.ts');
    const runs = await runDoctor(cgroupRoot, { kubernetes, kubeconfig, nodeName });
    // a resolver or a helper of the kubeconfig that does not answer would hold us. Not at once: output that could not be
    // written says so first; on Linux all of it has been tried by now
    setImmediate(() => process.exit(runs ? 0 : 1));
  });

program
  .command('audit')
  .description(
    'compare what was accounted with what the kernel itself counts; exit code 1: something is unexplained',
  )
  .addOption(
    flag('--for <time>', 'how long to watch').argParser(duration(1_000, 86_400_000)).default(10_000, '10s'),
  )
  .addOption(FLAGS.udp())
  .addOption(FLAGS.cgroupRoot())
  .addOption(FLAGS.verbosity().default('warn'))
  .action(async (flags: { for: number; udp: UdpChoice; cgroupRoot?: string; verbosity: Verbosity }) => {
    const { runAudit } = await import('./audit-command.ts');
    const { makeLogger } = await import('./log.ts');
    const { log } = await makeLogger(flags.verbosity);
    const { udp, cgroupRoot } = flags;
    process.exitCode = await runAudit({ durationMs: flags.for, udp, cgroupRoot }, log);
  });

type DoctorFlags = Pick<AgentFlags, 'cgroupRoot' | 'kubernetes' | 'kubeconfig' | 'nodeName'>;

interface AgentFlags {
  readonly listen: ListenAddress;
  readonly interval: number;
  readonly udp: UdpChoice;
  readonly series: number;
  readonly seriesTtl: number;
  readonly edges: number;
  readonly edgeLevel: EdgeLevel;
  readonly edgeLabels?: EdgeView['dropped'];
  readonly network?: readonly NamedNetwork[];
  readonly maxSockets?: number;
  readonly maxFlows: number;
  readonly processes: 'on' | 'off';
  readonly programStats: 'on' | 'off';
  readonly kubernetes: 'auto' | 'off';
  readonly kubeconfig?: string;
  readonly nodeName?: string;
  readonly cgroupRoot?: string;
  readonly verbosity: Verbosity;
}

function toNetcError(thrown: unknown): NetcError | null {
  if (!(thrown instanceof CommanderError)) return asNetcError(thrown);
  if (thrown.exitCode === 0) return null; // --help, --version
  if (thrown.code === 'commander.help') {
    const [, asked] = program.args; // of "help <command>"
    const problem = asked === undefined ? 'no command given' : `unknown command '${asked}'`;
    return new NetcError('E_USAGE', { problem });
  }
  return new NetcError('E_USAGE', {
    problem: thrown.message
      .replace(/^error: /, '')
      .replaceAll('\n', ' ')
      .replace(/\.$/, ''),
  });
}

process.stdout.on('error', (thrown: NodeJS.ErrnoException) => {
  if (thrown.code === 'EPIPE') process.exit(0); // who reads has enough: kube-netc connections | head
  process.stderr.write(`${errorLine(new NetcError('E_OUTPUT', { reason: thrown.message }))}\n`);
  process.exit(1);
});

try {
  await program.parseAsync();
} catch (thrown) {
  const error = toNetcError(thrown);
  if (error) {
    process.stderr.write(`${errorLine(error)}\n`);
    process.exitCode = error.exitCode;
  }
}
