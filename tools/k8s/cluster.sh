#!/bin/sh
# A real Kubernetes cluster of one node on this machine, as root: etcd, kube-apiserver, controller manager, scheduler,
# kubelet, containerd, runc, a CNI bridge with both families, kube-proxy.
#
#   cluster.sh set-up           builds and unpacks the programs: minutes the first time, then nothing
#   cluster.sh up               starts it and waits until the node is Ready; PROXY_MODE=nftables (default) or iptables
#   cluster.sh status           `ready`, `down`, or what it waits for
#   cluster.sh kubectl ...      kubectl as the administrator; files are those of the current folder
#   cluster.sh import FILE.tar  gives the node an image: a tar of an OCI layout. Pods use it with imagePullPolicy: Never
#   cluster.sh enter CMD...     runs a command in the node's network and mounts, such as curl or nft
#   cluster.sh down             ends everything and removes every trace
#
# All files are below one folder: .cache/cluster, or KUBE_NETC_CLUSTER. The node has network, mount and IPC namespaces of
# its own, and a cgroup of its own in every hierarchy; it shares process ids and the kernel with the machine.
# Needs: Linux >= 5.14 (cgroup.kill), cgroup v2 mounted, nft (or iptables), ip, setpriv, openssl, a C compiler.
set -eu
tree=$(cd "$(dirname "$0")/../.." && pwd)
state=${KUBE_NETC_CLUSTER:-$tree/.cache/cluster}

setting() {
	sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p" "$state/cluster.json"
}

case ${1-} in
kubectl | import | enter)
	[ -f "$state/pid" ] || {
		echo 'k8s: the cluster is down: sh tools/k8s/cluster.sh up' >&2
		exit 1
	}
	;;
esac

in_node() {
	exec nsenter --target "$(cat "$state/pid")" "$@"
}

case ${1-} in
kubectl)
	shift
	in_node --net "$(setting programs)/kubectl" --kubeconfig "$state/admin.kubeconfig" "$@"
	;;
import)
	file=$(cd "$(dirname "$2")" && pwd)/$(basename "$2")
	in_node --net --mount "$(setting runtime)/bin/ctr" --address /run/containerd/containerd.sock --namespace k8s.io images import "$file"
	;;
enter)
	shift
	# shellcheck disable=SC2016 # for the shell in the node
	in_node --net --mount sh -c 'cd "$1" && shift && exec "$@"' enter "$PWD" "$@"
	;;
set-up | up | status | down)
	cd "$tree"
	. tools/lib.sh
	CC=$(llvm_program clang || echo cc)
	export CC
	node=$(find_node) || {
		echo 'k8s: no Node that runs TypeScript; npm ci brings one' >&2
		exit 2
	}
	exec "$node" --disable-warning=ExperimentalWarning tools/k8s/cluster.ts "$1" "$state"
	;;
*)
	sed -n '2,17s/^# \{0,1\}//p' "$0" >&2
	exit 2
	;;
esac
