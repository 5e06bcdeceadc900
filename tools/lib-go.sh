# shellcheck shell=sh
# Programs out of the Go module proxy, for the tests. Sourced by the build.sh of a folder, in it, once that has set
#   NAME         what its lines begin with
#   FLAGS        of go build and go list
#   package_of   the Go package of a program; exit code 2 for one that it does not know
# The programs are kept outside the tree, so that checkouts share them: ${XDG_CACHE_HOME:-~/.cache}/kube-netc/NAME-HASH.
# Exit code 3: it cannot be done here, for there is no Go or no module proxy; the last line of stderr says which.

# shellcheck source=tools/lib-apt.sh
. ../lib-apt.sh

# Brought where there is no Go. It need not be the one that go.mod names: that it fetches, and verifies, by itself. Nor
# does it need the sources of its own library for that.
GO_SUITE=trixie
GO_VERSION=1.24

# What a large build needs for its cache, and what must be left in memory beside it.
SHM_KIB=6000000
PROGRESS_S=15
UNUSED_DAYS=30

HOME_CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/kube-netc
OUT=$HOME_CACHE/$NAME-$({
	cat go.mod go.sum
	echo "$FLAGS"
} | sha256sum | cut -c1-16)

say() {
	printf '%s: %s\n' "$NAME" "$*" >&2
}

cannot() {
	say "$*"
	exit 3
}

# Go 1.21 and later fetch a newer Go by themselves where GOTOOLCHAIN lets them.
check_go() {
	PATH=$PATH:/usr/local/go/bin:/usr/lib/go/bin
	said=none
	! command -v go >/dev/null 2>&1 || ask_go
	case $said in
	none | *' go1.'[0-9][!0-9]* | *' go1.1'[0-9][!0-9]* | *' go1.20'[!0-9]*)
		bring_go
		ask_go
		;;
	esac
}

ask_go() {
	said=$(GOWORK=off go version 2>&1) || cannot "this Go does not do: $(echo "$said" | tail -n 1)"
}

# Debian's Go, first in PATH, unpacked beside the programs.
bring_go() {
	folder=$HOME_CACHE/go-$GO_VERSION
	lock "$HOME_CACHE/.lock-go"
	[ -x "$folder/bin/go" ] || {
		work=$HOME_CACHE/new-go
		rm -rf "$work"
		unpack_go || why="no usable Go here: $(sed -n 's/^go //p' go.mod) or newer builds these programs \
(https://go.dev/doc/install); $why"
		rm -rf "$work"
		[ -x "$folder/bin/go" ] || cannot "$why"
	}
	PATH=$folder/bin:$PATH
}

# $why: what is in the way.
unpack_go() {
	why='apt knows no Debian repository to take one from, before an apt-get update or at all'
	find_mirror || return
	say "no usable Go here: unpacking Debian's golang-$GO_VERSION-go into $folder, not installing; it fetches the one of go.mod"
	why="apt-get could not download Debian's"
	private_apt $GO_SUITE "$(dpkg --print-architecture)" "$work/apt"
	apt-get -qq -c "$conf" update >&2 || return
	(cd "$work" && apt-get -q -c "$conf" download golang-$GO_VERSION-go >&2 && dpkg -x ./*.deb root) || return
	mv "$work/root/usr/lib/go-$GO_VERSION" "$folder"
}

# A folder for the compiler's cache and temporary files: in memory where there is room, which saves a third of the time.
make_work() {
	memory=$(sed -n 's/^MemAvailable: *\([0-9]*\).*/\1/p' /proc/meminfo)
	room=$(df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 { print $4 }')
	if [ "${room:-0}" -ge $SHM_KIB ] && [ "${memory:-0}" -ge $((SHM_KIB * 2)) ]; then
		WORK=$(mktemp -d "/dev/shm/kube-netc-$NAME-XXXXXX")
	else
		WORK=$(mktemp -d "$HOME_CACHE/build-XXXXXX")
	fi
	mkdir "$WORK/cache" "$WORK/tmp" "$WORK/out"
	export GOCACHE="$WORK/cache" GOTMPDIR="$WORK/tmp" GOWORK=off CGO_ENABLED=0
	# Not by a trap of EXIT alone: dash runs none when a signal ends it.
	trap clean_up EXIT
	trap 'exit 130' INT TERM HUP
}

child=''
clean_up() {
	[ -z "$child" ] || kill "$child" 2>/dev/null || :
	rm -rf "$WORK"
}

# progress WHAT TOTAL COMMAND: runs a function in a background shell; says every now and then how many lines it has written.
progress() {
	what=$1 total=$2
	shift 2
	"$@" >"$WORK/log" 2>&1 &
	child=$! since=$(date +%s) told=$since
	while kill -0 $child 2>/dev/null; do
		sleep 0.2 2>/dev/null || sleep 1
		now=$(date +%s)
		if [ $((now - told)) -ge $PROGRESS_S ]; then
			told=$now
			say "$what: $(wc -l <"$WORK/log")${total:+ of $total}, $((now - since)) s"
		fi
	done
	status=0
	wait $child || status=$?
	child=''
	return $status
}

list_packages() {
	cd "$1" || return
	shift
	# shellcheck disable=SC2086 # flags
	go list $FLAGS -deps -f '{{.ImportPath}}' "$@" >"$WORK/packages"
}

compile() {
	cd "$1" || return
	shift
	# -v writes a line for each package that it compiles. exec, so that a signal reaches it.
	# shellcheck disable=SC2086 # flags
	exec nice -n 19 go build -v $FLAGS -ldflags "-s -w $STAMPS" -o "$WORK/out/" "$@"
}

# build FOLDER STAMPS PROGRAM...: those of the go.mod in FOLDER, with these flags of the linker.
build() {
	folder=$1 STAMPS=$2
	shift 2
	names=$*
	packages=$(for program in "$@"; do package_of "$program"; done)
	say "building $names with $(go version | cut -d' ' -f3); the first time takes minutes"
	# shellcheck disable=SC2086 # a list of packages
	progress 'modules fetched' '' list_packages "$folder" $packages || {
		grep -v '^go: downloading' "$WORK/log" | tail -n 5 >&2
		cannot "the Go module proxy did not bring the sources: $(tail -n 1 "$WORK/log" | cut -c1-200)"
	}
	# shellcheck disable=SC2086 # a list of packages
	progress "packages compiled for $names" "$(wc -l <"$WORK/packages")" compile "$folder" $packages || {
		tail -n 20 "$WORK/log" >&2
		say "building $names failed"
		exit 1
	}
	[ ! -e "$WORK/out/server" ] || mv "$WORK/out/server" "$WORK/out/etcd" # go.etcd.io/etcd/server
	for program in $names; do
		cp "$WORK/out/$program" "$OUT/.$program.$$"
		mv "$OUT/.$program.$$" "$OUT/$program" # complete, or not there
	done
}

# lock FILE: waits for another build there.
lock() {
	command -v flock >/dev/null || return 0
	exec 9>"$1"
	flock -n 9 || { say 'another build is running, waiting for it' && flock 9; }
}

# Ends what no checkout has asked for in a long time.
drop_unused() {
	find "$HOME_CACHE" -mindepth 1 -maxdepth 1 -name "$NAME-*" -mtime +$UNUSED_DAYS -exec rm -rf {} +
}
