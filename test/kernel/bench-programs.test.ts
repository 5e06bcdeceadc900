import { expect, test } from 'vitest';
import { loadPerCall, perCall, perPacket } from '../../bench/support/ways.ts';
import { MapBatch } from '../../src/libbpf/map-batch.ts';
import type { BpfMap } from '../../src/libbpf/map.ts';
import { whyNoBpf } from '../fixtures/bpf/fixture.ts';
import { findTool } from '../hosts/find-tool.ts';
import type { Host } from '../hosts/host.ts';
import { run } from '../hosts/host-process.ts';
import { Lab } from '../hosts/lab.ts';
import { HeldTcp, startTcpServer } from '../hosts/tcp-traffic.ts';
import { whyNoLab } from '../hosts/why-no-lab.ts';
import { setUp } from '../support/set-up.ts';

// What our programs are compared with in bench/overhead.ts must do its work: else the comparison is with nothing.

let lab: Lab;
let client: Host;
let server: Host;

setUp(whyNoLab() ?? whyNoBpf(), async (closing) => {
  lab = closing.use(await Lab.create());
  client = await lab.host('client');
  server = await lab.host('server');
  await lab.join(client, server);
});

const KEY_WORDS = 11; // struct connection of per-call.bpf.c: the first is the namespace
const VALUE_WORDS = 6;

/** What per-call.bpf.c has counted in a namespace. */
function countedIn(map: BpfMap, netns: number): { connections: number; sent: number; received: number } {
  const sum = { connections: 0, sent: 0, received: 0 };
  new MapBatch(map).read((count, keys, values) => {
    const key = new Uint32Array(keys.buffer, keys.byteOffset, count * KEY_WORDS);
    const value = new Uint32Array(values.buffer, values.byteOffset, count * VALUE_WORDS);
    for (let i = 0; i < count; i++) {
      if (key[i * KEY_WORDS] !== netns) continue;
      sum.connections++;
      sum.sent += value[i * VALUE_WORDS] ?? 0;
      sum.received += value[i * VALUE_WORDS + 2] ?? 0;
    }
  });
  return sum;
}

test('the comparison at each call counts what programs send and receive, and forgets what is closed', async () => {
  using object = loadPerCall();
  const detach = await perCall(object)();
  const serving = await startTcpServer(server);
  const held = await HeldTcp.open(client, { address: server.v4, port: serving.port, connections: 5 });
  const { wroteBytes, readBytes } = await held.send(1000, 3);
  const connections = object.map('connections');
  expect(countedIn(connections, client.netnsInode)).toEqual({
    connections: 5,
    sent: wroteBytes,
    received: readBytes,
  });
  // what it sends has come before its call returns, which is when it is counted
  await expect
    .poll(() => countedIn(connections, server.netnsInode))
    .toEqual({ connections: 5, sent: readBytes, received: wroteBytes });
  await held.close();
  await serving.stop();
  await expect.poll(() => countedIn(connections, server.netnsInode).connections).toBe(0);
  await detach();
});

interface PacketFlow {
  readonly formatted: { readonly value: { readonly bytes: number; readonly packets: number } };
}

/** The maps of per-packet.bpf.c in the kernel: one for each side of each device. */
async function packetMaps(): Promise<number[]> {
  const bpftool = findTool('bpftool');
  const maps = JSON.parse(await run([bpftool, '--json', 'map', 'show'])) as { id: number; name?: string }[];
  return maps.filter(({ name }) => name === 'packet_flows').map(({ id }) => id);
}

test('the comparison at each packet counts the packets of a cable, both ways, and goes away', async () => {
  const before = await packetMaps();
  const detach = await perPacket(lab, [client])();
  const ours = (await packetMaps()).filter((id) => !before.includes(id));
  expect(ours.length).toBeGreaterThanOrEqual(4); // loopback and the cable, in and out
  const serving = await startTcpServer(server);
  const held = await HeldTcp.open(client, { address: server.v4, port: serving.port, connections: 5 });
  const { wroteBytes, readBytes } = await held.send(1000, 3);
  const flows: PacketFlow[] = [];
  for (const id of ours)
    flows.push(
      ...(JSON.parse(
        await run([findTool('bpftool'), '--json', 'map', 'dump', 'id', String(id)]),
      ) as PacketFlow[]),
    );
  const bytes = flows.reduce((sum, { formatted }) => sum + formatted.value.bytes, 0);
  expect(flows.length).toBeGreaterThanOrEqual(10); // five connections, in and out
  expect(bytes).toBeGreaterThan(wroteBytes + readBytes);
  await held.close();
  await serving.stop();
  await detach();
  expect(await client.exec(['tc', 'qdisc', 'show'])).not.toContain('clsact');
});
