#!/bin/sh
# Builds programs of Kubernetes, and tools for it, out of the Go module proxy, for the tests:
#   sh tools/k8s/build.sh etcd kube-apiserver ...    progress on stderr; the directory of the programs on stdout, last line
#   sh tools/k8s/build.sh --find etcd ...            builds nothing; exit code 1 when one is missing
# The versions are those of go.mod here (charts/go.mod: helm, kubeconform). The programs are kept outside the tree,
# so that checkouts share them: ${XDG_CACHE_HOME:-~/.cache}/kube-netc/k8s-HASH, HASH of go.mod, go.sum and the flags.
# Exit code 3: it cannot be done here, for there is no Go or no module proxy; the last line of stderr says which.
set -eu
cd "$(dirname "$0")"

# Without DWARF the compiler takes less time and a third less cache; nobody debugs these.
FLAGS='-trimpath -buildvcs=false -gcflags=all=-dwarf=false'
# What a build of all the programs needs for its cache, and what must be left in memory beside it.
SHM_KIB=6000000
PROGRESS_S=15
UNUSED_DAYS=30

say() {
	printf 'k8s: %s\n' "$*" >&2
}

cannot() {
	say "$*"
	exit 3
}

# The Go package of a program, and the folder of the go.mod that has it.
package_of() {
	case $1 in
	kube-apiserver | kube-controller-manager | kube-scheduler | kube-proxy | kubelet | kubectl) echo "k8s.io/kubernetes/cmd/$1" ;;
	etcd) echo go.etcd.io/etcd/server/v3 ;;
	helm) echo helm.sh/helm/v4/cmd/helm ;;
	kubeconform) echo github.com/yannh/kubeconform/cmd/kubeconform ;;
	*)
		say "no such program: $1"
		exit 2
		;;
	esac
}

folder_of() {
	case $1 in helm | kubeconform) echo charts ;; *) echo . ;; esac
}

# /version and the User-Agent of the programs come from these.
version_flags() {
	version=$(sed -n 's/^.*k8s.io\/kubernetes \(v[0-9.]*\).*/\1/p' go.mod | head -n 1)
	minor=${version#*.}
	for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
		printf -- '-X %s.gitVersion=%s -X %s.gitMajor=%s -X %s.gitMinor=%s -X %s.gitTreeState=clean ' \
			$package "$version" $package "${version%%.*}" $package "${minor%%.*}" $package |
			sed 's/gitMajor=v/gitMajor=/'
	done
}

# missing PROGRAM...: those that are not in the cache. A change of charts/go.sum leaves the others as they are.
missing() {
	for program in "$@"; do
		[ -x "$OUT/$program" ] && { [ "$(folder_of "$program")" = . ] || fresh_charts; } || printf '%s ' "$program"
	done
}

fresh_charts() {
	[ "$(cat "$OUT/.charts" 2>/dev/null)" = "$CHARTS" ]
}

# Go 1.21 and later fetch a newer Go by themselves where GOTOOLCHAIN lets them.
check_go() {
	PATH=$PATH:/usr/local/go/bin:/usr/lib/go/bin
	command -v go >/dev/null 2>&1 ||
		cannot "no Go here: $(sed -n 's/^go //p' go.mod) or newer builds these programs (https://go.dev/doc/install)"
	said=$(GOWORK=off go version 2>&1) || cannot "this Go does not do: $(echo "$said" | tail -n 1)"
}

# A folder for the compiler's cache and temporary files: in memory where there is room, which saves a third of the time.
make_work() {
	memory=$(sed -n 's/^MemAvailable: *\([0-9]*\).*/\1/p' /proc/meminfo)
	room=$(df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 { print $4 }')
	if [ "${room:-0}" -ge $SHM_KIB ] && [ "${memory:-0}" -ge $((SHM_KIB * 2)) ]; then
		WORK=$(mktemp -d /dev/shm/kube-netc-k8s-XXXXXX)
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
	cd "$1"
	shift
	# shellcheck disable=SC2086 # flags
	go list $FLAGS -deps -f '{{.ImportPath}}' "$@" >"$WORK/packages"
}

compile() {
	cd "$1"
	shift
	# -v writes a line for each package that it compiles. exec, so that a signal reaches it.
	# shellcheck disable=SC2086 # flags
	exec nice -n 19 go build -v $FLAGS -ldflags "-s -w $STAMPS" -o "$WORK/out/" "$@"
}

# build FOLDER PROGRAM...
build() {
	folder=$1
	shift
	names=$*
	packages=$(for program in "$@"; do package_of "$program"; done)
	STAMPS=$(version_flags)
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
	[ ! -e "$WORK/out/server" ] || mv "$WORK/out/server" "$WORK/out/etcd"
	for program in $names; do
		cp "$WORK/out/$program" "$OUT/.$program.$$"
		mv "$OUT/.$program.$$" "$OUT/$program" # complete, or not there
	done
}

# bring FOLDER PROGRAM...: builds what is missing, unless somebody else is at it: then it waits, and looks again.
bring() {
	folder=$1
	shift
	if command -v flock >/dev/null; then
		exec 9>"$OUT/.lock-${folder#.}"
		flock -n 9 || { say 'another build is running, waiting for it' && flock 9; }
	fi
	wanted=$(missing "$@")
	[ -n "$wanted" ] || return 0
	[ "$folder" = . ] || fresh_charts || rm -f "$OUT/helm" "$OUT/kubeconform"
	since=$(date +%s)
	make_work
	# shellcheck disable=SC2086 # a list of programs
	build "$folder" $wanted
	[ "$folder" = . ] || echo "$CHARTS" >"$OUT/.charts"
	rm -rf "$WORK"
	say "built ${wanted}in $(($(date +%s) - since)) s into $OUT"
}

HOME_CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/kube-netc
OUT=$HOME_CACHE/k8s-$({
	cat go.mod go.sum
	echo "$FLAGS"
} | sha256sum | cut -c1-16)
CHARTS=$(cat charts/go.mod charts/go.sum 2>/dev/null | sha256sum)

find_only=0
if [ "${1-}" = --find ]; then
	find_only=1
	shift
fi
for program in "$@"; do package_of "$program" >/dev/null; done
if [ -n "$(missing "$@")" ]; then
	if [ $find_only = 1 ]; then
		say "not built: $(missing "$@")(sh tools/k8s/build.sh brings it)"
		exit 1
	fi
	mkdir -p "$OUT"
	check_go
	core='' charts=''
	for program in $(missing "$@"); do
		if [ "$(folder_of "$program")" = . ]; then core="$core $program"; else charts="$charts $program"; fi
	done
	# shellcheck disable=SC2086 # lists of programs
	[ -z "$core" ] || bring . $core
	# shellcheck disable=SC2086
	[ -z "$charts" ] || bring charts $charts
	find "$HOME_CACHE" -mindepth 1 -maxdepth 1 -name 'k8s-*' -mtime +$UNUSED_DAYS -exec rm -rf {} +
fi
touch "$OUT" 2>/dev/null || : # in use: not to be removed
echo "$OUT"
