import { execFileSync } from 'node:child_process';

/** Keeps this process, and what it starts from now on, on one CPU: what runs on another is not disturbed by it. */
export function stayOn(cpu: number): void {
  execFileSync('taskset', ['--all-tasks', '--cpu-list', '--pid', String(cpu), String(process.pid)], {
    stdio: 'ignore',
  });
}
