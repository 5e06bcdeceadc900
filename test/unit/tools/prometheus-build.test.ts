import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

const FOLDER = resolve(import.meta.dirname, '../../../tools/prometheus');

/** Keeps the arguments of a build, and makes what it is asked for. */
const GO = `#!/bin/sh
case $1 in
version) echo 'go version go1.99 linux/amd64' ;;
list) printf 'a\\nb\\n' ;;
build)
	echo "$*" >"$FAKE/build"
	for word; do
		case \${before-} in -o) out=$word ;; esac
		before=$word
		case $word in */cmd/*) printf '#!/bin/sh\\necho built\\n' >"$out/\${word##*/}" && chmod +x "$out/\${word##*/}" ;; esac
	done
	;;
esac
`;

let dir = '';

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'kube-netc-prometheus-'));
  mkdirSync(join(dir, 'bin'));
  writeFileSync(join(dir, 'bin/go'), GO, { mode: 0o755 });
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function build(...args: string[]): { status: number | null; last: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync('sh', [join(FOLDER, 'build.sh'), ...args], {
    env: { PATH: `${dir}/bin:${process.env['PATH']}`, XDG_CACHE_HOME: join(dir, 'cache'), FAKE: dir },
    encoding: 'utf8',
  });
  return { status, last: stdout.trim().split('\n').at(-1) ?? '', stderr };
}

describe('the build of a current Prometheus', () => {
  test('is not begun by who only looks for it', () => {
    expect(build('--find')).toMatchObject({
      status: 1,
      last: '',
      stderr: expect.stringContaining('not built'),
    });
  });

  test('puts both programs into a folder outside the tree, once', () => {
    const { status, last } = build();
    expect(status).toBe(0);
    expect(last).toMatch(/cache\/kube-netc\/prometheus-[0-9a-f]{16}$/);
    expect(readdirSync(last).filter((name) => !name.startsWith('.'))).toEqual(['prometheus', 'promtool']);
    expect(readdirSync(join(last, '..'))).toHaveLength(1); // no work folder
    expect(build('--find')).toEqual({ status: 0, last, stderr: '' });
    expect(build()).toEqual({ status: 0, last, stderr: '' });
  });

  test('is of the version that go.mod names, with the discovery of Kubernetes alone', () => {
    build();
    const [, minor, patch] =
      /prometheus\/prometheus v0\.30*(\d+)\.(\d+)/.exec(readFileSync(join(FOLDER, 'go.mod'), 'utf8')) ?? [];
    const command = readFileSync(join(dir, 'build'), 'utf8');
    expect(command).toContain(`version.Version=3.${minor}.${patch}`);
    expect(command).toContain('-tags=remove_all_sd,enable_kubernetes_sd');
  });
});
