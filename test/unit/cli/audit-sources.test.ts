import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AuditSources } from '../../../src/cli/audit-sources.ts';
import { LiveTable } from '../../../src/tracker/live-table.ts';

let proc: string;
let live: LiveTable;

/** A process in a folder that looks like /proc: a namespace is a file, and its inode is the file's. */
function addProcess(name: string, counters: Record<string, number> = {}): number {
  const folder = join(proc, name);
  mkdirSync(join(folder, 'ns'), { recursive: true });
  mkdirSync(join(folder, 'net'), { recursive: true });
  writeFileSync(join(folder, 'ns/net'), '');
  writeFileSync(join(folder, 'ns/pid'), '');
  setCounters(name, counters);
  return statSync(join(folder, 'ns/net')).ino;
}

function setCounters(name: string, { segments = 0, timeWait = 0, datagrams6 = 0 }): void {
  const folder = join(proc, name, 'net');
  writeFileSync(join(folder, 'snmp'), `Tcp: InSegs OutSegs\nTcp: ${segments} 0\n`);
  writeFileSync(join(folder, 'netstat'), `TcpExt: TW\nTcpExt: ${timeWait}\n`);
  writeFileSync(join(folder, 'snmp6'), `Udp6InDatagrams \t${datagrams6}\n`);
}

/** The sockets that a walk has found. */
function walk(...sockets: [netns: number, pid: number][]): void {
  live.count = sockets.length;
  sockets.forEach(([netns, pid], row) => {
    live.netns[row] = netns;
    live.pid[row] = pid;
  });
}

/** A pid namespace is not the first one unless its inode is 0xeffffffc, which no file here has: so it is pretended. */
function sources(perRound = 4): AuditSources {
  const initial = statSync(join(proc, 'self/ns/pid')).ino;
  return new AuditSources(perRound, proc, initial);
}

beforeEach(() => {
  proc = mkdtempSync(join(tmpdir(), 'netc-proc-'));
  live = new LiveTable(64);
});
afterEach(() => rmSync(proc, { recursive: true, force: true }));

describe('sources of an audit', () => {
  it('are our own namespace from the beginning, read before and after', () => {
    const own = addProcess('self', { segments: 10, timeWait: 3, datagrams6: 5 });
    const from = sources();
    from.begin();
    setCounters('self', { segments: 12, timeWait: 4, datagrams6: 6 });
    const [reading, ...rest] = from.end();
    expect(rest).toEqual([]);
    expect(reading).toMatchObject({ netns: own, through: 'self' });
    expect(reading?.before).toMatchObject({ TcpInSegs: 10, timeWaitBegun: 3, UdpInDatagrams: 5 });
    expect(reading?.after).toMatchObject({ TcpInSegs: 12, timeWaitBegun: 4, UdpInDatagrams: 6 });
  });

  it('are those of processes with sockets in another namespace', () => {
    addProcess('self');
    const other = addProcess('70', { segments: 7 });
    const from = sources();
    walk([other, 70]);
    from.refresh(live);
    from.begin();
    expect(
      from
        .end()
        .map(({ netns, through, before }) => [netns, through, before.TcpInSegs])
        .at(-1),
    ).toEqual([other, 'pid 70', 7]);
    expect(from.readable.has(other)).toBe(true);
  });

  it('never are a process that has moved to another namespace, or that has ended', () => {
    addProcess('self');
    const moved = addProcess('70', { segments: 1 });
    const right = addProcess('71', { segments: 2 });
    const from = sources();
    walk([right, 70], [right, 69], [right, 71]);
    from.refresh(live);
    from.begin();
    expect(from.end().at(-1)).toMatchObject({ netns: right, through: 'pid 71' });
    expect(moved).not.toBe(right);
  });

  it('stay when no socket is left but the process is, and end with the process', () => {
    addProcess('self');
    const other = addProcess('70');
    const from = sources();
    walk([other, 70]);
    from.refresh(live);
    walk();
    from.refresh(live);
    from.begin();
    expect(from.end()).toHaveLength(2);
    rmSync(join(proc, '70'), { recursive: true });
    from.begin();
    expect(from.end()).toHaveLength(1);
    expect(from.readable.has(other)).toBe(false);
    expect(from.unreadable).toEqual([{ netns: other, reason: 'no process to read it through' }]);
    from.refresh(live);
    expect(from.unreadable).toEqual([]);
  });

  it('leave out a namespace whose process ends between the two readings', () => {
    addProcess('self');
    const other = addProcess('70');
    const from = sources();
    walk([other, 70]);
    from.refresh(live);
    from.begin();
    rmSync(join(proc, '70'), { recursive: true });
    expect(from.end().map(({ through }) => through)).toEqual(['self']);
  });

  it('take turns', () => {
    addProcess('self');
    const others = [70, 71, 72].map((pid): [number, number] => [addProcess(String(pid)), pid]);
    const from = sources(2);
    walk(...others);
    from.refresh(live);
    const seen = [1, 2].flatMap(() => {
      from.begin();
      return from.end().map(({ through }) => through);
    });
    expect(seen).toEqual(['self', 'pid 70', 'pid 71', 'pid 72']);
  });

  it('are learnt from many sockets little by little', () => {
    addProcess('self');
    const [first, last] = [addProcess('70'), addProcess('71')];
    live = new LiveTable(16_384);
    walk(
      ...Array.from({ length: 10_000 }, (_, i): [number, number] => (i < 9999 ? [first, 70] : [last, 71])),
    );
    live.netns[1] = 4242;
    const from = sources();
    from.refresh(live);
    expect([from.readable.has(first), from.readable.has(last), from.unreadable.length]).toEqual([
      true,
      false,
      0,
    ]);
    from.refresh(live);
    expect(from.readable.has(last)).toBe(true);
    live.pid[1] = 0;
    from.refresh(live);
    from.refresh(live);
    expect(from.readable.size).toBe(4); // 4242 was learnt with process 70, and not read yet
    from.begin();
    expect(from.unreadable).toEqual([{ netns: 4242, reason: 'no process to read it through' }]);
  });

  it('are named where there is no process to read a namespace through', () => {
    addProcess('self');
    const from = sources();
    walk([4242, 0], [4243, 12345]);
    from.refresh(live);
    from.begin();
    from.end();
    from.refresh(live);
    expect(from.unreadable).toEqual([
      { netns: 4243, reason: 'no process to read it through' },
      { netns: 4242, reason: 'no process to read it through' },
    ]);
  });

  it('are our own alone where the processes are in another pid namespace', () => {
    addProcess('self');
    const other = addProcess('70');
    const from = new AuditSources(4, proc, 0);
    walk([other, 70]);
    from.refresh(live);
    from.begin();
    expect(from.end()).toHaveLength(1);
    expect(from.unreadable[0]?.reason).toMatch(/another pid namespace/);
  });

  it('do without snmp6, and say what else cannot be read', () => {
    addProcess('self', { segments: 3 });
    const other = addProcess('70');
    rmSync(join(proc, 'self/net/snmp6'));
    rmSync(join(proc, '70/net/snmp'));
    mkdirSync(join(proc, '70/net/snmp')); // not a file
    const from = sources();
    walk([other, 70]);
    from.refresh(live);
    from.begin();
    expect(from.end()).toHaveLength(1);
    expect(from.unreadable).toEqual([{ netns: other, reason: expect.stringMatching(/^EISDIR/) as string }]);
  });
});
