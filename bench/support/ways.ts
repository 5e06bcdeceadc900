import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Features } from '../../src/libbpf/features.ts';
import { planMonitor, type UdpChoice } from '../../src/libbpf/monitor-plan.ts';
import { BpfObject } from '../../src/libbpf/object.ts';
import { compileBpf } from '../../test/fixtures/bpf/fixture.ts';
import { cgroup2Mount } from '../../test/hosts/cgroup.ts';
import type { Host } from '../../test/hosts/host.ts';
import type { Lab } from '../../test/hosts/lab.ts';
import { monitorAlone } from '../../test/support/monitor-alone.ts';

const SOURCES = join(import.meta.dirname, '../bpf');

/** A way to watch traffic: attaches its programs, and gives what takes them away again. */
export type Way = () => Promise<() => Promise<void>>;

/** Our programs as the agent runs them, without the agent. */
function ours(trackProcess: boolean, udp: UdpChoice): Way {
  const cgroupRoot = cgroup2Mount();
  return async () => {
    const monitor = monitorAlone({ slots: 65_536, cgroupRoot, trackProcess, udp });
    const off = monitor.probes().find(({ attached }) => !attached);
    if (off !== undefined) {
      monitor.close();
      throw new Error(`${off.name} is not attached: ${off.reason}`);
    }
    monitor.findOlder(); // servers that listen are older than it
    return async () => monitor.close();
  };
}

/** The programs that look up a hash at each send and receive, loaded; perCall() attaches them. */
export function loadPerCall(): BpfObject {
  const object = BpfObject.open(compileBpf(join(SOURCES, 'per-call.bpf.c')), { name: 'per_call' });
  object.load();
  return object;
}

export function perCall(object: BpfObject): Way {
  return async () => {
    const links = object.programs().map((program) => program.attach());
    return async () => links.forEach((link) => link.close());
  };
}

/** A hash looked up at each packet, at both sides of a device of each host: its loopback or its first cable. */
export function perPacket(lab: Lab, hosts: readonly Host[]): Way {
  const file = join(lab.folder, 'per-packet.bpf.o');
  writeFileSync(file, compileBpf(join(SOURCES, 'per-packet.bpf.c')));
  const program = ['bpf', 'da', 'obj', file, 'sec', 'tc'];
  return async () => {
    for (const host of hosts) {
      for (const device of devicesOf(host)) {
        await host.exec(['tc', 'qdisc', 'add', 'dev', device, 'clsact']);
        for (const side of ['ingress', 'egress'])
          await host.exec(['tc', 'filter', 'add', 'dev', device, side, ...program]);
      }
    }
    return async () => {
      for (const host of hosts)
        for (const device of devicesOf(host))
          await host.exec(['tc', 'qdisc', 'del', 'dev', device, 'clsact']);
    };
  };
}

function devicesOf(host: Host): string[] {
  return ['lo', ...host.segments.map((segment) => segment.device(host))];
}

/** The ways that this kernel allows, by name, and which it does not. Close it before the lab. */
export class Ways {
  readonly all: ReadonlyMap<string, Way>;
  /** Sentences. */
  readonly refused: readonly string[];
  readonly #perCall = loadPerCall();

  /** @param packetHosts whose devices a flow agent would watch: one end of each cable */
  constructor(lab: Lab, packetHosts: readonly Host[]) {
    using features = new Features();
    const ways: [string, Way][] = [
      ['no processes, no UDP', ours(false, 'off')],
      ['processes, no UDP', ours(true, 'off')],
      ['processes, UDP by tracepoint', ours(true, 'tracepoint')],
      ['per call', perCall(this.#perCall)],
      ['per packet', perPacket(lab, packetHosts)],
    ];
    const { udp, notes } = planMonitor(features, 'auto');
    if (udp === 'fentry') ways.splice(3, 0, ['processes, UDP by fentry', ours(true, 'fentry')]);
    this.refused = udp === 'fentry' ? [] : notes.filter((note) => note.includes('fentry'));
    this.all = new Map(ways);
  }

  [Symbol.dispose](): void {
    this.#perCall.close();
  }
}
