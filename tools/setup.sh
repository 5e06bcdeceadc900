#!/bin/sh
# Sets up what `npm start` or `npm test` needs: `sh tools/setup.sh start|test`. Idempotent; under 2 s when all is there.
#
# Debian and Ubuntu: what builds and runs the agent is installed with apt-get (as root). What only the tests need is
# unpacked into .cache/tools instead, since the packages of nginx, prometheus or iperf3 make users and start services.
# Elsewhere, or where that fails, it ends with exit code 2 and names what is missing and the command that brings it.
set -eu
cd "$(dirname "$0")/.."
. tools/lib.sh
. tools/requirements.sh

mode=${1-start}

lock() {
	mkdir -p "$CACHE"
	if have flock; then
		exec 9>"$CACHE/lock"
		flock -n 9 || { say "another set-up is running here, waiting for it" && flock 9; }
	fi
}

apt_get() {
	DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=120 -o Acquire::Retries=1 \
		-o Acquire::http::Timeout=20 -o Acquire::https::Timeout=20 -o APT::Sandbox::User="$(id -un)" \
		"$@" </dev/null 9>&-
}

is_root() {
	[ "$(id -u)" = 0 ]
}

install_packages() {
	say "installing with apt-get:$apt"
	# shellcheck disable=SC2086 # a list of packages
	apt_get install -y --no-install-recommends $apt
}

# Downloads the packages of the test programs, and of the libraries that they need and this machine has not, and
# unpacks them without running anything of them.
unpack_packages() {
	wanted=$(once "$(unpacked)")
	say "unpacking into $CACHE, not installing: $wanted"
	mkdir -p "$CACHE/packages" "$CACHE/root" "$CACHE/bin"
	# shellcheck disable=SC2086 # a list of packages
	closure=$(apt_get install -s --no-install-recommends $wanted | sed -n 's/^Inst \([^ ]*\) .*/\1/p' |
		grep -Ev '^(fonts|libjs|node)-|python3|^(adduser|init-system-helpers)$')
	# shellcheck disable=SC2086
	(cd "$CACHE/packages" && apt_get download $closure) || return
	for package in "$CACHE"/packages/*.deb; do
		dpkg -x "$package" "$CACHE/root"
		rm "$package"
	done
	for pair in $unpack; do link_program "${pair%%=*}"; done
}

# A command in .cache/tools/bin that runs an unpacked program with the libraries unpacked beside it.
link_program() {
	real=$(cd "$CACHE/root" && find usr/sbin/"$1" sbin/"$1" bin/"$1" usr/bin/"$1"* -xtype f 2>/dev/null | head -n 1)
	[ -n "$real" ] || return
	# shellcheck disable=SC2016 # for the shell that runs the command
	libraries=$(cd "$CACHE/root" && find usr lib -name '*.so.*' -printf '$root/%h\n' 2>/dev/null | sort -u | paste -s -d : -)
	cat >"$CACHE/bin/$1" <<-END
		#!/bin/sh
		root=\${0%/*}/../root
		LD_LIBRARY_PATH="$libraries" exec "\$root/$real" "\$@"
	END
	chmod +x "$CACHE/bin/$1"
}

bring_programs() {
	look "$mode"
	[ -n "$missing" ] || return 0
	if have apt-get && { is_root || [ -z "$apt" ]; }; then
		say "missing:$missing"
		if is_root; then apt_get update || say "apt-get update failed; trying with what it knew before"; fi
		look "$mode" # the names of packages depend on what the sources offer
		if [ -z "$apt" ] || install_packages; then
			[ -z "$unpack" ] || unpack_packages || say "unpacking failed"
		else
			say "installing failed"
		fi
		look "$mode"
	fi
	[ -z "$missing" ] || give_up
}

give_up() {
	{
		say "this is missing:$missing"
		how_to_get
		say "then run the same command again."
	} >&2
	exit 2
}

npm_ci() {
	NODE_NO_WARNINGS=1 npm ci --loglevel=error --include=optional --fetch-retries=2 \
		--fetch-retry-mintimeout=1000 --fetch-retry-maxtimeout=5000 "$@" </dev/null 9>&-
}

# npm leaves out packages that refuse the Node it runs on; 20.19 is the oldest that all of ours take. So an older one
# (Debian 12 has 18) first brings Node 26, which then runs npm.
bring_new_node() {
	node -e 'var v = process.versions.node.split("."); process.exit(v[0] > 20 || (v[0] == 20 && v[1] >= 19) ? 0 : 1)' &&
		return
	say "npm ci: Node 26 first, npm here runs on $(node --version)"
	npm_ci --omit=dev || return
	mkdir -p "$CACHE/node"
	cp -f node_modules/node-linux-*/bin/node "$CACHE/node/"
	PATH=$CACHE/node:$PATH
}

# npm 9 makes no link for the package of this platform, because that of the other has one of the same name. On musl
# none of them runs, and a link would hide the machine's own Node.
link_node() {
	for real in node_modules/node-linux-*/bin/node; do
		[ -e node_modules/.bin/node ] || ! [ -x "$real" ] || ln -sf "../../$real" node_modules/.bin/node
	done
	node_modules/.bin/node --version >/dev/null 2>&1 || rm -f node_modules/.bin/node
}

bring_modules() {
	if ! modules_are_fresh; then
		say "npm ci: installing the locked packages of package-lock.json into node_modules"
		if ! { bring_new_node && npm_ci --include=dev; }; then
			say "npm ci failed: it needs a registry of npm packages (npm config get registry) or a filled cache." \
				"Where there is none, copy node_modules from a machine of the same kind." >&2
			exit 2
		fi
		link_node
		rm -rf "$CACHE/node"
		sha256sum <package-lock.json >node_modules/.set-up
	fi
	node=$(find_node) || {
		say "no Node 22.19 or newer runs here: npm brings Node 26 for x64 and arm64 Linux with glibc;" \
			"on any other machine install it first, https://nodejs.org/en/download lists how." >&2
		exit 2
	}
}

# What the tests of test/cluster run. Where it cannot be built, for want of Go or of its modules, they are skipped.
bring_api_server() {
	sh tools/k8s/build.sh etcd kube-apiserver >/dev/null 9>&- || {
		status=$?
		[ $status = 3 ] || exit $status
	}
}

build() {
	sh tools/build-bpf.sh
	if [ "$mode" = test ]; then
		sh tools/build-traffic.sh
		bring_api_server
	elif ! cmp -s build/kube-netc.bpf.o.stamp build/layouts.stamp; then
		# The tests do not write the layouts: they compare.
		say "generating src/abi/records.gen.ts"
		"$node" tools/gen-abi.ts
		cp build/kube-netc.bpf.o.stamp build/layouts.stamp
	fi
	if [ ! -e dist/cli/main.js ] || [ -n "$(find src tools/bundle.ts package-lock.json -newer dist/cli/main.js -print -quit)" ]; then
		say "bundling src/ into dist/"
		"$node" tools/bundle.ts
	fi
}

lock
bring_programs
bring_modules
build
