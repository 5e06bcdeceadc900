// `npm start` as people and service managers end it: the agent ends with it.
import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { findTool } from '../hosts/find-tool.ts';
import { HostProcess } from '../hosts/host-process.ts';
import { whyNoLab } from '../hosts/why-no-lab.ts';
import { heldBy, leftOf, NOTHING } from '../support/bpf-objects.ts';

const why = whyNoLab();
const LISTEN = ['--listen', '127.0.0.1:0', '--udp', 'off'];

/** Waits for the address in the log, which comes after the set-up, and finds the process that listens there. */
async function serving(starter: HostProcess): Promise<{ url: string; pid: number }> {
  for (let tries = 0; tries < 600 && starter.running; tries++) {
    const url = /serving (http:\/\/[^/]+)\//.exec(starter.stderr)?.[1];
    if (url !== undefined) return { url, pid: descendants(starter.pid).find(isAgent) ?? 0 };
    await sleep(100);
  }
  throw new Error(`npm start does not serve: ${starter.stdout}${starter.stderr}`);
}

function descendants(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    .split(' ')
    .filter(Boolean)
    .map(Number);
  return [pid, ...children.flatMap(descendants)];
}

function isAgent(pid: number): boolean {
  return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('/main.js\0agent');
}

describe('npm start', () => {
  it.for([
    ['tools/start.sh', 'SIGTERM'],
    ['npm', 'SIGTERM'],
    ['npm', 'SIGINT'],
  ] as const)(
    'by %s, ended by %s, leaves no process and nothing in the kernel',
    async ([by, signal], context) => {
      if (why !== null) context.skip(why);
      const argv = by === 'npm' ? [findTool('npm'), 'start', '--', ...LISTEN] : ['sh', by, ...LISTEN];
      await using starter = new HostProcess(argv);
      const { url, pid } = await serving(starter);
      const held = await heldBy(pid);
      expect(held.programs.length).toBeGreaterThan(2);
      expect((await fetch(`${url}/healthz`)).status).toBe(200);
      const end = await starter.stop({ signal, graceMs: 60_000 });
      expect(end.signal).not.toBe('SIGKILL');
      if (by !== 'npm') expect.soft(end).toEqual({ code: 0, signal: null }); // npm has codes of its own
      for (let tries = 0; tries < 600 && existsSync(`/proc/${pid}`); tries++) await sleep(100);
      const orphan = existsSync(`/proc/${pid}`);
      if (orphan) process.kill(pid, 'SIGKILL'); // not to leave it behind ourselves
      expect(orphan).toBe(false);
      expect(await leftOf(held)).toEqual(NOTHING);
      expect(starter.stderr).toContain('stopping on ');
    },
  );
});
