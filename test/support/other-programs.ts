import { closeSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BpfObject } from '../../src/libbpf/object.ts';
import { listLinks, listPrograms } from '../../src/libbpf/program-list.ts';
import { compileFixture } from '../fixtures/bpf/fixture.ts';
import { findTool } from '../hosts/find-tool.ts';
import { run } from '../hosts/host-process.ts';
import type { ExactLab } from './exact-lab.ts';

const NAMES = ['other_state', 'other_sendmsg4', 'other_packet'];

/** What others.bpf.c has counted. */
export interface OtherCounts {
  /** Changes of state of sockets with the port at either end. */
  readonly established: number;
  readonly closed: number;
  /** Sent to the port by sockets that are not connected. */
  readonly datagrams: number;
}

/**
 * Another agent on our hooks: a program on inet_sock_set_state, one at the root of cgroup v2 that sees each sendmsg(), and
 * one of tc(8) on the client's device. tc has loaded that one, and the kernel keeps it until the namespace ends.
 */
export class OtherPrograms implements Disposable {
  readonly #exact: ExactLab;
  readonly #object: BpfObject;
  readonly #counts: DataView;

  private constructor(exact: ExactLab, object: BpfObject) {
    this.#exact = exact;
    this.#object = object;
    this.#counts = new DataView(object.bss().view().buffer);
  }

  /** @param port what it watches @param cgroupRoot where cgroup v2 is mounted */
  static async start(exact: ExactLab, port: number, cgroupRoot: string): Promise<OtherPrograms> {
    const bytes = compileFixture('others', [`PORT=${port}`]);
    const file = join(exact.lab.folder, 'others.bpf.o');
    writeFileSync(file, bytes);
    const device = exact.segment.device(exact.client);
    const tc = ['unshare', '--mount', 'tc']; // it mounts /sys/fs/bpf where that is not there
    await exact.client.exec([...tc, 'qdisc', 'add', 'dev', device, 'clsact']);
    const loaded = ['bpf', 'da', 'obj', file, 'sec', 'tc'];
    await exact.client.exec([...tc, 'filter', 'add', 'dev', device, 'ingress', ...loaded]);
    const object = BpfObject.open(bytes, { name: 'others' });
    const directory = openSync(cgroupRoot, 'r');
    try {
      object.load();
      object.program('other_state').attach();
      object.program('other_sendmsg4').attachCgroup(directory);
      return new OtherPrograms(exact, object);
    } catch (error) {
      object.close();
      throw error;
    } finally {
      closeSync(directory);
    }
  }

  get counts(): OtherCounts {
    const at = (index: number): number => Number(this.#counts.getBigUint64(index * 8, true));
    return { established: at(0), closed: at(1), datagrams: at(2) };
  }

  /** By how many the device's own count of packets that came is above that of tc's program. */
  async unseenPackets(): Promise<number> {
    const device = this.#exact.segment.device(this.#exact.client);
    const bpftool = findTool('bpftool');
    const filters = await this.#exact.client.exec(['tc', 'filter', 'show', 'dev', device, 'ingress']);
    const id = / id (\d+) /.exec(filters)?.[1] ?? '';
    const program = JSON.parse(await run([bpftool, '--json', 'prog', 'show', 'id', id])) as {
      map_ids: number[];
    };
    const map = await run([bpftool, '--json', 'map', 'dump', 'id', String(program.map_ids[0])]);
    const link = JSON.parse(await this.#exact.client.exec(['ip', '-json', '-s', 'link', 'show', device])) as [
      { stats64: { rx: { packets: number } } },
    ];
    const seen = /"packets":(\d+)/.exec(map)?.[1];
    return link[0].stats64.rx.packets - Number(seen);
  }

  /** What is loaded and attached of it: the kernel's ids, which are never given again. */
  async inKernel(): Promise<object> {
    const programs = listPrograms().filter(({ name }) => NAMES.includes(name));
    const ids = new Set(programs.map(({ id }) => id));
    const links = listLinks().filter(({ programId }) => ids.has(programId));
    const device = this.#exact.segment.device(this.#exact.client);
    const filters = await this.#exact.client.exec(['tc', 'filter', 'show', 'dev', device, 'ingress']);
    return { programs, links, filters };
  }

  [Symbol.dispose](): void {
    this.#object.close();
  }
}
