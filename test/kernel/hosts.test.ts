import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { cgroup2Mount } from '../hosts/cgroup.ts';
import { drop, lose, reject, shape, translateDestination, translateSource } from '../hosts/firewall.ts';
import { HostProcess } from '../hosts/host-process.ts';
import type { Host } from '../hosts/host.ts';
import { Lab } from '../hosts/lab.ts';
import { runConnectFail, runTcpClient, startTcpServer } from '../hosts/tcp-traffic.ts';
import { runUdpClient, startUdpServer } from '../hosts/udp-traffic.ts';
import { whyNoLab } from '../hosts/why-no-lab.ts';

const skipReason = whyNoLab();
beforeEach((context) => {
  if (skipReason !== null) context.skip(skipReason);
});

function netnsOf(labId: string): string[] {
  return existsSync('/run/netns') ? readdirSync('/run/netns').filter((name) => name.startsWith(labId)) : [];
}

/** Whether the process still runs: one that has ended may stay in the table until its parent asks. */
function runs(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

/** Two hosts and a router between them. */
async function routed(lab: Lab): Promise<{ client: Host; router: Host; server: Host }> {
  const client = await lab.host('client');
  const router = await lab.host('router', { forward: true });
  const server = await lab.host('server');
  await lab.join(client, router);
  await lab.join(router, server);
  await client.routeVia(router);
  await server.routeVia(router);
  return { client, router, server };
}

/** What both ends say of a few connections; the same, when all is well. */
async function exchange(client: Host, server: Host, address: string): Promise<object> {
  const listener = await startTcpServer(server);
  const { wroteBytes, readBytes, connections, errors } = await runTcpClient(client, {
    address,
    port: listener.port,
    connections: 5,
    request: [16, 5000],
  });
  const served = await listener.stop();
  return {
    connections: [connections, served.connections],
    missingBytes: [wroteBytes - served.readBytes, served.wroteBytes - readBytes],
    errors: errors + served.errors,
  };
}

const EXACT = { connections: [5, 5], missingBytes: [0, 0], errors: 0 };

describe('hosts', () => {
  it('talk over a cable, by IPv4 and IPv6, as soon as it is there', async () => {
    await using lab = await Lab.create();
    const a = await lab.host('a');
    const b = await lab.host('b');
    await lab.join(a, b, { v4: '10.77.0.0/24', v6: 'fd77::/64', mtuBytes: 1400 });
    expect([a.v4, b.v4, a.v6, b.v6]).toEqual(['10.77.0.1', '10.77.0.2', 'fd77::1', 'fd77::2']);
    expect(await exchange(a, b, b.v6)).toEqual(EXACT);
    expect(await exchange(a, b, b.v4)).toEqual(EXACT);
    expect(await exchange(a, a, '127.0.0.1')).toEqual(EXACT);
    expect(await a.exec(['ip', '-o', 'link'])).toMatch(/eth0.* mtu 1400/);
  });

  it('are network namespaces of their own', async () => {
    await using lab = await Lab.create();
    const a = await lab.host('a');
    const inside = await a.exec(['stat', '-Lc', '%i', '/proc/self/ns/net']);
    expect(Number(inside)).toBe(a.netnsInode);
    expect(a.netnsInode).not.toBe(statSync('/proc/self/ns/net').ino);
    expect(await a.procNet('snmp')).toMatch(/^Tcp: .*InSegs/m);
    await expect(lab.host('a')).rejects.toThrow('there is a host a already');
    await expect(a.exec(['false'])).rejects.toThrow('false: ended with exit code 1');
    await expect(a.exec(['no-such-program'])).rejects.toThrow('no-such-program is not installed here');
  });

  it('talk over a bridge, each with each', async () => {
    await using lab = await Lab.create();
    const [a, b, c] = [await lab.host('a'), await lab.host('b'), await lab.host('c')];
    const segment = await lab.bridge([a, b, c]);
    expect(segment.device(c)).toBe('eth0');
    expect(await exchange(a, b, b.v4)).toEqual(EXACT);
    expect(await exchange(c, b, b.v6)).toEqual(EXACT);
    expect(await exchange(a, c, c.v4)).toEqual(EXACT);
  });

  it('reach each other through a router', async () => {
    await using lab = await Lab.create();
    const { client, server } = await routed(lab);
    expect(await exchange(client, server, server.v4)).toEqual(EXACT);
    expect(await exchange(client, server, server.v6)).toEqual(EXACT);
  });

  it('leave packets out at random when asked to, and lose no byte by it', async () => {
    await using lab = await Lab.create();
    const a = await lab.host('a');
    const b = await lab.host('b');
    const segment = await lab.join(a, b);
    expect(['netem', 'nftables']).toContain(await lose(b, segment, 20));
    const listener = await startUdpServer(b);
    await runUdpClient(a, { address: b.v4, port: listener.port, count: 2000 });
    const { receivedDatagrams } = await listener.stop();
    expect(receivedDatagrams).toBeGreaterThan(1400);
    expect(receivedDatagrams).toBeLessThan(1800);
    expect(await exchange(a, b, b.v4)).toEqual(EXACT);
  });
});

describe('a host that drops what it sends itself', () => {
  it('delivers every byte nevertheless, slowed by a queue or stopped by its firewall', async () => {
    await using lab = await Lab.create();
    const a = await lab.host('a');
    const b = await lab.host('b');
    const segment = await lab.join(a, b);
    const listener = await startTcpServer(b);
    const options = { address: b.v4, port: listener.port, request: 2_000_000 };
    await shape(a, segment, 50_000_000);
    const shaped = await runTcpClient(a, options);
    expect(shaped.seconds).toBeGreaterThan(0.2);
    await drop(a, 'output', 'numgen random mod 100 < 3');
    const stopped = await runTcpClient(a, options);
    expect(await listener.stop()).toMatchObject({
      readBytes: shaped.wroteBytes + stopped.wroteBytes,
      errors: 0,
    });
  });
});

describe('a router', () => {
  it('translates destinations, of IPv4 and IPv6', async () => {
    await using lab = await Lab.create();
    const { client, router, server } = await routed(lab);
    const listener = await startTcpServer(server);
    const services = [
      { address: '10.96.0.10', toAddress: server.v4 },
      { address: 'fd96::10', toAddress: server.v6 },
    ];
    for (const { address, toAddress } of services) {
      await translateDestination(router, {
        protocol: 'tcp',
        address,
        port: 80,
        toAddress,
        toPort: listener.port,
      });
      expect(await runTcpClient(client, { address, port: 80, connections: 3 })).toMatchObject({
        connections: 3,
        errors: 0,
      });
    }
    expect(await listener.stop()).toMatchObject({ connections: 6 });
  });

  it('translates sources, so that the server needs no way back', async () => {
    await using lab = await Lab.create();
    const { client, router, server } = await routed(lab);
    await server.ip('route del default');
    const attempt = async (): Promise<object> =>
      runConnectFail(client, { address: server.v4, port: 9, synCount: 1 });
    expect(await attempt()).toMatchObject({ refused: 0 });
    const segment = server.segments[0];
    if (segment === undefined) throw new Error('the server is on a segment');
    await translateSource(router, segment);
    expect(await attempt()).toMatchObject({ refused: 1 });
  });

  it('drops and rejects', async () => {
    await using lab = await Lab.create();
    const { client, router, server } = await routed(lab);
    await drop(router, 'forward', 'tcp dport 81');
    await reject(router, 'forward', 'tcp dport 82', 'host-unreachable');
    const to = { address: server.v4, connections: 3 };
    expect(await runConnectFail(client, { ...to, port: 81, synCount: 1 })).toMatchObject({
      timedOutConnects: 3,
    });
    expect(await runConnectFail(client, { ...to, port: 81, abortAfter: 50 })).toMatchObject({ aborted: 3 });
    expect(await runConnectFail(client, { ...to, port: 82 })).toMatchObject({ hostUnreachable: 3 });
    expect(await runConnectFail(client, { ...to, port: 83 })).toMatchObject({ refused: 3 });
    const nowhere = await lab.host('nowhere');
    expect(await runConnectFail(nowhere, { ...to, port: 84 })).toMatchObject({ netUnreachable: 3 });
  });
});

describe('a cgroup of a host', () => {
  it('holds a process before it opens its first socket', async (context) => {
    if (cgroup2Mount() === null) context.skip('cgroup v2 is not mounted here');
    await using lab = await Lab.create();
    const a = await lab.host('a', { cgroup: 'system.slice/nginx.service' });
    const other = lab.cgroup('other.scope');
    expect(statSync(a.cgroup?.path ?? '').ino).toBe(a.cgroup?.id);
    const where = ['sh', '-c', 'sed -n s/^0:://p /proc/self/cgroup'];
    expect(await a.exec(where)).toMatch(new RegExp(`/${lab.id}/system.slice/nginx.service\n$`));
    expect(await a.spawn(where, { cgroup: other }).success()).toMatch(/\/other.scope\n$/);
  });
});

describe('a lab', () => {
  it('ends its processes and their children when it is closed', async () => {
    const lab = await Lab.create();
    const a = await lab.host('a');
    const child = a.spawn(['sh', '-c', 'trap "" TERM; setsid sleep 1000 & echo $!; wait']);
    const grandchild = Number(await child.line(/\d+/));
    expect(runs(grandchild)).toBe(true);
    await lab.close();
    await lab.close();
    expect(child.running).toBe(false);
    await expect.poll(() => runs(grandchild)).toBe(false);
    expect(netnsOf(lab.id)).toEqual([]);
    expect(existsSync(lab.folder)).toBe(false);
  });

  it('is removed at exit when nobody has closed it', async () => {
    await using child = new HostProcess([process.execPath, '--input-type=module', '-e', MAKE_LAB]);
    const { id } = JSON.parse(await child.line(/"id"/)) as { id: string };
    child.write('exit\n');
    await child.ended;
    expect(netnsOf(id)).toEqual([]);
  });

  it('is removed by the next one when its process was killed, and not before', async () => {
    await using child = new HostProcess([process.execPath, '--input-type=module', '-e', MAKE_LAB]);
    const { id, folder, cgroup, grandchild } = JSON.parse(await child.line(/"id"/)) as Made;
    await (await Lab.create()).close();
    expect(netnsOf(id)).toHaveLength(3);

    await child.stop({ signal: 'SIGKILL' });
    expect(netnsOf(id)).toHaveLength(3);
    expect(runs(grandchild)).toBe(true);
    await (await Lab.create()).close();
    expect(netnsOf(id)).toEqual([]);
    expect(existsSync(folder)).toBe(false);
    expect(cgroup === null || existsSync(cgroup)).toBe(false);
    await expect.poll(() => runs(grandchild)).toBe(false);
  });
});

interface Made {
  readonly id: string;
  readonly folder: string;
  readonly cgroup: string | null;
  readonly grandchild: number;
}

/** Another process that makes a lab with a bridge and a process, and closes nothing. */
const MAKE_LAB = `
const { Lab } = await import(${JSON.stringify(join(import.meta.dirname, '../hosts/lab.ts'))});
const { cgroup2Mount } = await import(${JSON.stringify(join(import.meta.dirname, '../hosts/cgroup.ts'))});
const lab = await Lab.create();
const a = await lab.host('a', cgroup2Mount() === null ? {} : { cgroup: 'system.slice/a.service' });
const b = await lab.host('b');
await lab.bridge([a, b]);
const child = a.spawn(['sh', '-c', 'setsid sleep 1000 & echo $!; wait']);
const grandchild = Number(await child.line(/\\d+/));
console.log(JSON.stringify({ id: lab.id, folder: lab.folder, cgroup: a.cgroup?.path ?? null, grandchild }));
process.stdin.once('data', () => process.exit());
`;
