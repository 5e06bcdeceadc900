// Flags, their twins in the environment, help and exit codes of all commands.
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { findTool } from '../hosts/find-tool.ts';
import { HostProcess } from '../hosts/host-process.ts';
import { whyNoLab } from '../hosts/why-no-lab.ts';
import { runCommand, TestAgent } from '../support/agent.ts';
import { freePort } from '../support/free-port.ts';
import { MAIN } from '../support/main-file.ts';

const why = whyNoLab();
const COMMANDS = ['agent', 'connections', 'doctor', 'audit'] as const;

/** Arguments, the environment, and what the one line must say. */
const WRONG: readonly (readonly [args: string, env: NodeJS.ProcessEnv, says: string])[] = [
  ['', {}, 'no command given'],
  ['agnet', {}, "unknown command 'agnet'"],
  ['agent now', {}, "too many arguments for 'agent'"],
  ['doctor --fix', {}, "unknown option '--fix'"],
  ['agent --interval', {}, "option '--interval <time>' argument missing"],
  ['agent --interval 5x', {}, "'5x' is invalid. It must be a time from 100 ms to 60 s"],
  ['agent --interval 99ms', {}, 'It must be a time from 100 ms to 60 s'],
  ['agent --listen 127.0.0.1:65536', {}, '"65536" is not a port from 0 to 65535'],
  ['agent --listen a:b:c', {}, 'It is no address with a port. Write it as 127.0.0.1:9655'],
  ['agent --udp maybe', {}, 'Allowed choices are auto, fentry, tracepoint, off'],
  ['agent --series 0', {}, 'It must be a whole number from 1 to 1000000'],
  ['agent --edges 0', {}, 'It must be a whole number from 1 to 100000'],
  ['agent --edge-level node', {}, 'Allowed choices are workload, namespace, pod'],
  ['agent --edge-labels port', {}, '"port" is no label of edges; these are reporter, source_workload'],
  ['agent --edge-labels -reporter', {}, 'The label reporter cannot be dropped'],
  ['agent --network internet=10.0.0.0/8', {}, '"internet" is a scope already'],
  ['agent --network office=10.0.0.1/8', {}, 'has bits of its address beyond its prefix'],
  ['agent', { KUBE_NETC_NETWORK: 'a=10.0.0.0/8 b' }, '"b" is not name=cidr[,cidr...]'],
  ['agent', { KUBE_NETC_EDGE_LABELS: 'x' }, "from env 'KUBE_NETC_EDGE_LABELS' is invalid"],
  ['agent --max-sockets 1e3', {}, "argument '1e3' is invalid"],
  ['agent -v loud', {}, 'Allowed choices are debug, info, warn, error'],
  ['connections --address localhost', {}, 'It must be an IP address'],
  ['connections --port 65536', {}, 'It must be a whole number from 1 to 65535'],
  ['connections -o xml', {}, 'Allowed choices are table, wide, json, csv'],
  ['connections --sort name', {}, 'Allowed choices are bytes, sent, '],
  ['connections --limit -1', {}, "argument '-1' is invalid"],
  ['agent', { KUBE_NETC_LISTEN: 'x:' }, "value 'x:' from env 'KUBE_NETC_LISTEN' is invalid"],
  ['agent', { KUBE_NETC_SERIES_TTL: 'never' }, "from env 'KUBE_NETC_SERIES_TTL' is invalid"],
  ['agent', { KUBE_NETC_PROGRAM_STATS: '0' }, "'0' from env 'KUBE_NETC_PROGRAM_STATS' is invalid"],
  ['agent --udp \u001b[31m\n', {}, String.raw`argument '\x1b[31m '`],
];

describe('a command line', () => {
  it.for(WRONG)('that is wrong gets one line and exit code 2: %j %j', async ([args, env, says]) => {
    const { code, stdout, stderr } = await runCommand(args === '' ? [] : args.split(' '), {
      env,
      prefix: [findTool('timeout'), '20'], // what is not found wrong would run on
    });
    expect(stderr).toMatch(/^kube-netc: \P{Cc}+ \(E_USAGE\)\n$/u);
    expect(stderr).toContain(says);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  });

  it('that asks for help gets it, with each flag and its twin in the environment', async () => {
    const whole = await runCommand(['--help']);
    expect({ code: whole.code, stderr: whole.stderr }).toEqual({ code: 0, stderr: '' });
    for (const command of COMMANDS) {
      expect(whole.stdout).toMatch(new RegExp(`^  ${command} `, 'm'));
      const { code, stdout, stderr } = await runCommand([command, '--help']);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      const text = stdout.replaceAll(/\n {20,}/g, ' '); // lines are broken at 80 columns
      expect(stdout.split('\n').filter((line) => line.length > 80)).toEqual([]);
      for (const [, flag = ''] of text.matchAll(/^  (?:-\w, )?--([a-z-]+)/gm)) {
        if (flag !== 'help') expect(text).toContain(`env: ${twinOf(flag)})`);
      }
    }
  });

  it('that asks for the version gets it', async () => {
    expect(await runCommand(['--version'])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
    });
  });
});

describe('the agent', () => {
  it('takes what it is told from the environment, and flags before that', async (context) => {
    if (why !== null) context.skip(why);
    const env = {
      KUBE_NETC_UDP: 'off',
      KUBE_NETC_SERIES: '77',
      KUBE_NETC_MAX_SOCKETS: '1000',
      KUBE_NETC_PROGRAM_STATS: 'on',
    };
    await using agent = await TestAgent.start(['--series', '78'], env);
    const page = await agent.page('?collect[]=agent');
    expect({
      udp: page.value('kube_netc_agent_udp_mode', { mode: 'off' }),
      series: page.value('kube_netc_agent_series_budget'),
      sockets: page.value('kube_netc_agent_live_slots'),
      timed: page.value('kube_netc_agent_probe_run_seconds_total', { probe: 'tcp_state' }) > 0,
    }).toEqual({ udp: 1, series: 78, sockets: 1024, timed: true });
  });

  it('logs a line of JSON for each thing, and nothing at all with -v error', async (context) => {
    if (why !== null) context.skip(why);
    await using agent = await TestAgent.start();
    await agent.stop();
    for (const line of agent.log.trimEnd().split('\n')) {
      expect(JSON.parse(line)).toEqual({
        level: expect.any(Number),
        time: expect.any(Number),
        msg: expect.any(String),
      });
    }
    const listen = `127.0.0.1:${await freePort()}`;
    const flags = ['agent', '--listen', listen, '-v', 'error'];
    await using silent = new HostProcess([process.execPath, MAIN, ...flags]);
    while (silent.running && !(await answers(`http://${listen}/healthz`))) await sleep(50);
    expect(await silent.stop()).toEqual({ code: 0, signal: null });
    expect(silent.stdout + silent.stderr).toBe('');
  });
});

describe('kube-netc doctor', () => {
  it('names each thing that the agent needs, and agrees with the agent on whether it runs', async (context) => {
    if (why !== null) context.skip(why);
    const { code, stdout, stderr } = await runCommand(['doctor']);
    const [head = '', ...lines] = stdout.split('\n');
    expect(head).toMatch(/^WHAT +VERDICT +FOUND$/);
    const rows = lines.slice(0, lines.indexOf('')).map((line) => line.split(/ {2,}/));
    const names = rows.map(([name]) => name);
    for (const name of [
      'kernel',
      'kernel BTF',
      'lockdown',
      'CAP_BPF',
      'CAP_PERFMON',
      'memlock',
      'cgroup v2',
      'libbpf',
    ]) {
      expect(names).toContain(name);
    }
    await using agent = await TestAgent.start();
    const probes = (await agent.rawPage('?collect[]=agent')).find('kube_netc_agent_probe_attached');
    for (const { labels, value } of probes.filter((probe) => probe.value === 1)) {
      expect(
        rows.find(([name]) => name === `probe ${labels['probe']}`)?.[1],
        `${labels['probe']} ${value}`,
      ).toBe('ok');
    }
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(lines.at(-2)).toMatch(/^The agent runs here/);
    const advised = rows.filter(([, verdict]) => verdict === 'less').map(([name]) => name);
    for (const name of advised) expect(stdout).toContain(`\n${name}: `);
  });
});

/** Kubernetes sets KUBE_NETC_PORT for every pod beside a Service of our name, so that flag's twin has another one. */
function twinOf(flag: string): string {
  if (flag === 'node-name') return 'NODE_NAME';
  return flag === 'port' ? 'KUBE_NETC_PORT_NUMBER' : `KUBE_NETC_${flag.replaceAll('-', '_').toUpperCase()}`;
}

async function answers(url: string): Promise<boolean> {
  return fetch(url).then(
    ({ ok }) => ok,
    () => false,
  );
}
