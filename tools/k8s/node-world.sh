#!/bin/sh
# Runs inside new network, mount and IPC namespaces (unshare): makes of them what a node is to its programs, then runs one.
#   NODE_V4=... NODE_V6=... node-world.sh FOLDER COMMAND...
# What the programs write outside FOLDER lands in it by overlays, and goes with it; mounts, devices, addresses and
# firewall rules go with the namespaces.
set -eu
folder=$1
shift

# Shared among the processes of the node, as kubelet and containerd want it; private to the machine.
mount --make-rshared /

for top in etc var; do
	mkdir -p "$folder/overlay/$top/upper" "$folder/overlay/$top/work"
	mount -t overlay "node-$top" "/$top" \
		-o "lowerdir=/$top,upperdir=$folder/overlay/$top/upper,workdir=$folder/overlay/$top/work"
done
# Else it would keep alive the network namespaces that others have named there.
umount --recursive --lazy /run/netns 2>/dev/null || :
mount -t tmpfs -o mode=755 node-run /run
mkdir -p /run/netns /run/lock

# kubelet sets these, for all of the machine: it finds them to be right.
pretend() {
	printf '%s\n' "$2" >"$folder/sysctl.$1"
	mount --bind "$folder/sysctl.$1" "/proc/sys/$(echo "$1" | tr . /)"
}
pretend vm.overcommit_memory 1
pretend vm.panic_on_oom 0
pretend kernel.panic 10
pretend kernel.panic_on_oops 1
pretend kernel.keys.root_maxkeys 1000000
pretend kernel.keys.root_maxbytes 25000000

ip link set lo up
# The node's cable to the world, with nobody at its other end: not every kernel has dummy devices.
ip link add node0 type veth peer name world
ip address add "$NODE_V4/24" dev node0
ip address add "$NODE_V6/64" dev node0 nodad
ip link set world up
ip link set node0 up
# It leads nowhere, but without a route nobody gets as far as kube-proxy's rules.
ip route add default dev node0
ip -6 route add default dev node0

set_sysctl() {
	[ ! -e "/proc/sys/$1" ] || echo "$2" >"/proc/sys/$1"
}
set_sysctl net/ipv4/ip_forward 1
set_sysctl net/ipv6/conf/all/forwarding 1
# What a pod answers another of the same bridge must pass kube-proxy's rules as well.
set_sysctl net/bridge/bridge-nf-call-iptables 1
set_sysctl net/bridge/bridge-nf-call-ip6tables 1

exec "$@"
