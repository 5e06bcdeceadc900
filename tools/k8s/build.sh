#!/bin/sh
# Builds programs of Kubernetes, and tools for it, out of the Go module proxy, for the tests:
#   sh tools/k8s/build.sh etcd kube-apiserver ...    progress on stderr; the directory of the programs on stdout, last line
#   sh tools/k8s/build.sh --find etcd ...            builds nothing; exit code 1 when one is missing
# The versions are those of go.mod here (charts/go.mod: helm, kubeconform). The programs are kept outside the tree,
# so that checkouts share them: ${XDG_CACHE_HOME:-~/.cache}/kube-netc/k8s-HASH, HASH of go.mod, go.sum and the flags.
# Exit code 3: it cannot be done here, for there is no Go or no module proxy; the last line of stderr says which.
set -eu
cd "$(dirname "$0")"

NAME=k8s
# Without DWARF the compiler takes less time and a third less cache; nobody debugs these.
FLAGS='-trimpath -buildvcs=false -gcflags=all=-dwarf=false'
# shellcheck source=tools/lib-go.sh
. ../lib-go.sh

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

# bring FOLDER PROGRAM...: builds what is missing, unless somebody else is at it: then it waits, and looks again.
bring() {
	folder=$1
	shift
	lock "$OUT/.lock-${folder#.}"
	wanted=$(missing "$@")
	[ -n "$wanted" ] || return 0
	[ "$folder" = . ] || fresh_charts || rm -f "$OUT/helm" "$OUT/kubeconform"
	since=$(date +%s)
	make_work
	# shellcheck disable=SC2086 # a list of programs
	build "$folder" "$(version_flags)" $wanted
	[ "$folder" = . ] || echo "$CHARTS" >"$OUT/.charts"
	rm -rf "$WORK"
	say "built ${wanted}in $(($(date +%s) - since)) s into $OUT"
}

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
	drop_unused
fi
touch "$OUT" 2>/dev/null || : # in use: not to be removed
echo "$OUT"
