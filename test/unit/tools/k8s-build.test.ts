import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
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

/** An apt-get that knows Debian, if it is to, and downloads nothing; and a dpkg that unpacks the Go from above. */
function fakeDebian(archive: string): void {
  writeFileSync(join(dir, 'good-go'), GO, { mode: 0o755 });
  const apt = `case "$*" in indextargets*) echo "${archive}" ;; *download*) [ ! -e "$FAKE/away" ] && : >go.deb ;; esac`;
  const dpkg = `case $1 in
    --print-architecture) echo amd64 ;;
    -x) mkdir -p "$3/usr/lib/go-1.24/bin" && cp "$FAKE/good-go" "$3/usr/lib/go-1.24/bin/go" ;;
  esac`;
  writeFileSync(join(dir, 'bin/apt-get'), `#!/bin/sh\n${apt}\n`, { mode: 0o755 });
  writeFileSync(join(dir, 'bin/dpkg'), `#!/bin/sh\n${dpkg}\n`, { mode: 0o755 });
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

  test.each(['1.9', '1.9.7', '1.19.8', '1.20'])('brings a Go in place of a %s, once', (version) => {
    fakeGo(`#!/bin/sh\necho 'go version go${version} linux/amd64'\n`);
    fakeDebian('http://debian.test/debian/ Debian');
    const { status, last, stderr } = build('etcd');
    expect(status).toBe(0);
    expect(stderr).toContain("k8s: no usable Go here: unpacking Debian's golang-1.24-go into");
    expect(stderr).toContain('building etcd with go1.99');
    expect(readdirSync(join(last, '..')).toSorted()).toEqual(['.lock-go', 'go-1.24', basename(last)]);
    expect(build('kubectl').stderr).not.toContain('unpacking');
  });

  test.each(['1.21', '1.100.1', '1.26.8'])('leaves a %s alone', (version) => {
    fakeGo(GO.replace('go1.99', `go${version}`));
    fakeDebian('http://debian.test/debian/ Debian');
    const { status, stderr } = build('etcd');
    expect({ status, unpacks: stderr.includes('unpacking') }).toEqual({ status: 0, unpacks: false });
  });

  test('says in one line that no Go can be brought', () => {
    fakeGo("#!/bin/sh\necho 'go version go1.19.8 linux/amd64'\n");
    fakeDebian('');
    const { status, stderr } = build('etcd');
    expect(status).toBe(3);
    expect(stderr).toMatch(
      /^k8s: no usable Go here: 1\.25\.0 or newer .*\/doc\/install\); apt knows no Debian .*\n$/,
    );
    fakeDebian('http://debian.test/debian/ Debian');
    writeFileSync(join(dir, 'away'), '');
    const away = build('etcd');
    expect(away.status).toBe(3);
    expect(away.stderr.trim().split('\n').at(-1)).toMatch(
      /^k8s: no usable Go here: .* could not download Debian's$/,
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
