#!/bin/sh
# sh tools/k8s/update.sh 1.35.4: writes go.mod and go.sum for another version of Kubernetes, with the etcd it is tested with.
# Kubernetes' own go.mod replaces its staging modules by folders of its tree, which does not hold for whoever depends on
# it: here each is replaced by its published version instead.
set -eu
cd "$(dirname "$0")"

version=$1
staging=v0.${version#1.}
upstream=$(go mod download -json "k8s.io/kubernetes@v$version" | sed -n 's/.*"GoMod": "\(.*\)",/\1/p')
etcd=$(sed -n 's/^.*go.etcd.io\/etcd\/client\/v3 \(v[0-9.]*\).*/\1/p' "$upstream")
{
	echo 'module kube-netc/tools/k8s'
	echo
	grep '^go ' "$upstream"
	grep '^godebug ' "$upstream" || :
	echo
	echo "require k8s.io/kubernetes v$version"
	echo
	echo 'tool ('
	for program in kube-apiserver kube-controller-manager kube-scheduler kubectl kubelet kube-proxy; do
		echo "	k8s.io/kubernetes/cmd/$program"
	done
	echo ')'
	echo
	echo 'replace ('
	sed -n 's#^.*\(k8s.io/[a-z-]*\) => ./staging/.*#\1#p' "$upstream" | sort -u | while read -r module; do
		echo "	$module => $module $staging"
	done
	echo ')'
} >go.mod
go get -tool "go.etcd.io/etcd/server/v3@$etcd"
go mod tidy
