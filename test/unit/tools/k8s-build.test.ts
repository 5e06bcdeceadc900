import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

const SCRIPT = resolve(import.meta.dirname, '../../../tools/k8s/build.sh');

/** Notes each call, and makes what it is asked to build. */
const GO = `#!/bin/sh
echo "$1" >>"$FAKE/calls"
case $1 in
version) echo 'go version go1.99 linux/amd64' ;;
list) printf 'a\\nb\\n' ;;
build)
	for word; do
		case \${before-} in -o) out=$word ;; esac
		before=$word
		case $word in */cmd/* | */server/v3) name=\${word##*/} ;; *) continue ;; esac
		[ "$name" = v3 ] && name=server
		printf '#!/bin/sh\\necho built\\n' >"$out/$name"
		chmod +x "$out/$name"
	done
	;;
esac
`;

let dir = '';

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'kube-netc-k8s-'));
  mkdirSync(join(dir, 'bin'));
  fakeGo(GO);
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function fakeGo(script: string): void {
  writeFileSync(join(dir, 'bin/go'), script, { mode: 0o755 });
}

function build(...args: string[]): { status: number | null; last: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync('sh', [SCRIPT, ...args], {
    env: { PATH: `${dir}/bin:${process.env['PATH']}`, XDG_CACHE_HOME: join(dir, 'cache'), FAKE: dir },
    encoding: 'utf8',
  });
  return { status, last: stdout.trim().split('\n').at(-1) ?? '', stderr };
}

function calls(): string[] {
  return readFileSync(join(dir, 'calls'), 'utf8').trim().split('\n');
}

describe('the build of Kubernetes programs', () => {
  test('puts them into a folder outside the tree, which is the last line', () => {
    const { status, last, stderr } = build('etcd', 'kube-apiserver');
    expect(status).toBe(0);
    expect(last).toMatch(/cache\/kube-netc\/k8s-[0-9a-f]{16}$/);
    expect(stderr).toContain('k8s: building etcd kube-apiserver with go1.99');
    expect(readdirSync(last).filter((name) => !name.startsWith('.'))).toEqual(['etcd', 'kube-apiserver']);
    expect(spawnSync(join(last, 'etcd'), { encoding: 'utf8' }).stdout).toBe('built\n');
    expect(readdirSync(join(last, '..'))).toHaveLength(1); // no work folder
  });

  test('does nothing when they are there, and builds what is missing alone', () => {
    const { last } = build('etcd', 'kube-apiserver');
    expect(calls()).toEqual(['version', 'version', 'list', 'build']);
    expect(build('kube-apiserver')).toEqual({ status: 0, last, stderr: '' });
    expect(calls()).toHaveLength(4);
    expect(build('etcd', 'kubectl').stderr).toContain('k8s: building kubectl with');
  });

  test('finds without building', () => {
    expect(build('--find', 'etcd')).toMatchObject({ status: 1, last: '' });
    const { last } = build('etcd');
    expect(build('--find', 'etcd')).toEqual({ status: 0, last, stderr: '' });
    const { status, stderr } = build('--find', 'etcd', 'helm');
    expect(status).toBe(1);
    expect(stderr).toContain('k8s: not built: helm');
  });

  test('says in one line that a Go is too old, or that no module proxy answers', () => {
    fakeGo(
      '#!/bin/sh\necho "go: go.mod requires go >= 1.25.0 (running go 1.24; GOTOOLCHAIN=local)" >&2\nexit 1\n',
    );
    const old = build('etcd');
    expect(old.status).toBe(3);
    expect(old.stderr).toMatch(/^k8s: this Go does not do: go: go\.mod requires go >= 1\.25\.0 .*\n$/);
    fakeGo(GO.replace(/list\) .*/, 'list) echo "go: dial tcp: connection refused" >&2; exit 1 ;;'));
    const away = build('etcd');
    expect(away.status).toBe(3);
    expect(away.stderr.trim().split('\n').at(-1)).toMatch(
      /^k8s: the Go module proxy did not bring the sources: .*refused/,
    );
  });

  test('tells a build that fails, leaves nothing half-built, and tries again', () => {
    fakeGo(GO.replace('build)', 'build) echo "undefined: x" >&2; exit 2'));
    const failed = build('etcd');
    expect(failed.status).toBe(1);
    expect(failed.stderr).toContain('undefined: x');
    expect(build('--find', 'etcd').status).toBe(1);
    fakeGo(GO);
    expect(build('etcd').status).toBe(0);
  });

  test('knows its programs', () => {
    expect(build('etcd', 'vim')).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('no such program: vim'),
    });
  });
});
