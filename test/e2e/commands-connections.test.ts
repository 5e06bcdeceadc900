// `kube-netc connections`: what it prints is what the programs behind the sockets counted; it needs no agent and harms none.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  HeldTcp,
  runTcpClient,
  startTcpServer,
  type TcpTotals,
  type TcpServerOptions,
} from '../hosts/tcp-traffic.ts';
import type { TrafficServer } from '../hosts/traffic-program.ts';
import { whyNoLab } from '../hosts/why-no-lab.ts';
import { runCommand, TestAgent } from '../support/agent.ts';
import { heldBy } from '../support/bpf-objects.ts';
import { ExactLab } from '../support/exact-lab.ts';
import { namedByProcess } from '../support/owners.ts';
import { clientSums } from '../support/tcp-exactness.ts';

const why = whyNoLab();

interface Row {
  readonly state: string;
  readonly role: string;
  readonly localAddress: string;
  readonly remoteAddress: string;
  readonly localPort: number;
  readonly remotePort: number;
  readonly netns: number;
  readonly pid: number;
  readonly comm: string;
  readonly ownerName: string;
  readonly ownerKind: string;
  readonly sentBytes: number;
  readonly receivedBytes: number;
  readonly backlogMax: number | null;
}

async function print(...flags: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await runCommand(['connections', ...flags]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout;
}

async function list(...flags: readonly string[]): Promise<Row[]> {
  return JSON.parse(await print('-o', 'json', '--limit', '1000000', ...flags)) as Row[];
}

describe('kube-netc connections', () => {
  let exact: ExactLab;
  let serving: TrafficServer<TcpTotals>;
  /** One connection each, which have carried 1, 2 and 3 MB. */
  const held: HeldTcp[] = [];
  const totals: TcpTotals[] = [];
  let listen: TcpServerOptions;

  beforeAll(async () => {
    if (why !== null) return;
    exact = await ExactLab.open(namedByProcess());
    serving = await startTcpServer(exact.server, (listen = { address: '::' }));
    for (const family of ['IPv4', 'IPv6', 'IPv4'] as const) {
      const [, address] = exact.addresses(family);
      const one = await HeldTcp.open(exact.client, {
        address,
        port: serving.port,
        connections: 1,
        response: [9, 99],
      });
      held.push(one);
      totals.push(await one.send(held.length * 1_000_000));
    }
  });
  afterAll(async () => exact?.close());

  const pidOf = (i: number): number => held[i]?.program.process.pid ?? 0;

  it('prints as JSON what the programs at both ends have counted', async (context) => {
    if (why !== null) context.skip(why);
    const all = (await list()).filter(({ netns }) =>
      [exact.client.netnsInode, exact.server.netnsInode].includes(netns),
    );
    expect(all).toHaveLength(7);
    for (const [i, { wroteBytes, readBytes }] of totals.entries()) {
      const client = all.find(({ pid }) => pid === pidOf(i));
      const [from, to] = exact.addresses(i === 1 ? 'IPv6' : 'IPv4');
      expect(client).toMatchObject({
        state: 'ESTABLISHED',
        role: 'client',
        localAddress: from,
        remoteAddress: to,
        remotePort: serving.port,
        comm: 'exact-tcp-hold',
        ownerName: 'exact-tcp-hold',
        ownerKind: 'process',
        sentBytes: wroteBytes,
        receivedBytes: readBytes,
      });
      expect(all.find(({ remotePort }) => remotePort === client?.localPort)).toMatchObject({
        role: 'server',
        localAddress: to,
        remoteAddress: from,
        localPort: serving.port,
        pid: serving.process.pid,
        sentBytes: readBytes,
        receivedBytes: wroteBytes,
      });
    }
    expect(all.find(({ state }) => state === 'LISTEN')).toMatchObject({
      role: 'listener',
      localAddress: listen.address,
      localPort: serving.port,
      sentBytes: 0,
    });
  });

  it.each(['connections', 'doctor'])('%s says nothing to who has read enough of it', async (command) => {
    const prefix = ['sh', '-c', '{ "$@"; echo "$?" >&2; } | true', 'sh'];
    expect(await runCommand([command], { prefix })).toEqual({ code: 0, stdout: '', stderr: '0\n' });
  });

  it.each(['connections', 'doctor'])('%s says in one line that a disk is full', async (command) => {
    const { code, stderr } = await runCommand([command], { prefix: ['sh', '-c', '"$@" >/dev/full', 'sh'] });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^kube-netc: cannot write the output: ENOSPC.*\(E_OUTPUT\)\n$/);
  });

  it('finds sockets by address, port and process', async (context) => {
    if (why !== null) context.skip(why);
    const [from4, to4] = exact.addresses('IPv4');
    const [from6] = exact.addresses('IPv6');
    expect(await list('--address', to4)).toHaveLength(4);
    expect(await list('--address', `::ffff:${to4}`)).toHaveLength(4);
    expect(await list('--address', from6.replace('::1', ':0:0:0:0:1').toUpperCase())).toHaveLength(2);
    expect(await list('--address', from4, '--process', 'exact-tcp-hold')).toHaveLength(2);
    expect((await list('--process', String(pidOf(1)))).map(({ localAddress }) => localAddress)).toEqual([
      from6,
    ]);
    const [first] = await list('--process', String(pidOf(0)));
    const byPort = await list('--port', String(first?.localPort), '--address', from4);
    expect(byPort.map(({ role }) => role).toSorted()).toEqual(['client', 'server']);
    expect(await list('--address', '192.0.2.1')).toEqual([]);
  });

  it('sorts the largest first and prints as many as asked for, and says how many more there are', async (context) => {
    if (why !== null) context.skip(why);
    const flags = ['--process', 'exact-tcp-hold', '--port', String(serving.port)];
    const bySent = await list(...flags, '--sort', 'sent');
    expect(bySent.map(({ pid }) => pid)).toEqual([pidOf(2), pidOf(1), pidOf(0)]);
    const byReceived = await list(...flags, '--sort', 'received');
    expect(byReceived.map(({ receivedBytes }) => receivedBytes)).toEqual(
      totals.map(({ readBytes }) => readBytes).toSorted((a, b) => b - a),
    );
    const byAddress = await list(...flags, '--sort', 'local');
    expect(byAddress.at(-1)?.localAddress).toBe(exact.client.v6);
    const table = await print(...flags, '--sort', 'sent', '--limit', '1');
    expect(table.trimEnd().split('\n')).toEqual([
      expect.stringMatching(/^STATE +ROLE +LOCAL +REMOTE +OWNER +PID +SENT +RECEIVED +RTT +RETRANS +IDLE$/),
      expect.stringMatching(new RegExp(` ${pidOf(2)} +2\\.86 MiB `)),
      '... and 2 more: --limit shows them',
    ]);
  });

  it('says on stderr how many are left out of JSON and CSV', async (context) => {
    if (why !== null) context.skip(why);
    for (const output of ['json', 'csv']) {
      const flags = ['-o', output, '--limit', '2', '--address', exact.server.v4];
      const { stdout, stderr } = await runCommand(['connections', ...flags]);
      expect(stdout).not.toContain('more');
      expect(JSON.parse(stderr)).toMatchObject({
        level: 40,
        msg: '2 more sockets are left out: --limit brings them',
      });
    }
  });

  it('prints wide tables and CSV with as many fields in each line', async (context) => {
    if (why !== null) context.skip(why);
    const flags = ['--address', exact.server.v4, '--sort', 'sent'];
    const [head = '', ...lines] = (await print(...flags, '-o', 'wide')).trimEnd().split('\n');
    expect(head).toMatch(/ IDLE +AGE +KIND +COMM +SEGS .* NETNS +CGROUP$/);
    for (const line of lines) expect(line.indexOf(' process ')).toBe(head.indexOf(' KIND ')); // columns are straight
    const csv = (await print(...flags, '-o', 'csv'))
      .trimEnd()
      .split('\r\n')
      .map((line) => line.split(','));
    expect(new Set(csv.map((fields) => fields.length)).size).toBe(1);
    const sent = csv[0]?.indexOf('sentBytes') ?? -1;
    expect(csv.slice(1).map((fields) => Number(fields[sent]))).toEqual(
      (await list(...flags)).map(({ sentBytes }) => sentBytes),
    );
  });

  it('leaves a running agent alone', async (context) => {
    if (why !== null) context.skip(why);
    await using agent = await TestAgent.start();
    const before = await heldBy(agent.process.pid ?? 0);
    const [from, to] = exact.addresses();
    const { result, grown } = await exact.count(agent, async () => {
      const options = {
        address: to,
        port: serving.port,
        connections: 3_000,
        request: [16, 3_000],
        response: [0, 3_000],
      } as const;
      const traffic = runTcpClient(exact.client, options);
      for (let i = 0; i < 3; i++) await print('--limit', '1');
      return traffic;
    });
    expect({ ...grown(from, to), active: 0 }).toEqual(clientSums(result));
    expect(await heldBy(agent.process.pid ?? 0)).toEqual(before);
  });
});
