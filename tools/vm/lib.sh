# shellcheck shell=sh
# What the scripts of this folder share. Sourced from the root of the tree, after tools/lib.sh.

VM_CACHE=${KUBE_NETC_VM_CACHE-$PWD/.cache/kernels}

say() {
	printf 'kernels: %s\n' "$*" >&2
}

# The repositories of Debian that this machine's apt knows: $archive and, in it or beside it, $security.
# An `apt-get update` must have been run once.
find_mirror() {
	# shellcheck disable=SC2016 # apt fills them in
	archive=$(apt-get indextargets --format '$(REPO_URI) $(ORIGIN)' 'Created-By: Packages' 2>/dev/null |
		awk '$2 == "Debian" && $1 ~ /\/debian\/?$/ { print $1; exit }')
	archive=${archive%/}
	security=${archive%/debian}/debian-security
	[ -n "$archive" ]
}

# One at a time: tests may want the same kernel at once.
lock_cache() {
	mkdir -p "$VM_CACHE"
	if have flock; then
		exec 8>"$VM_CACHE/lock"
		flock 8
	fi
}

# `private_apt SUITE ARCHITECTURE`: the options of an apt that knows one release of Debian, for one architecture, and of
# which nothing is installed are then in the file $conf.
private_apt() {
	state=$VM_CACHE/apt/$1-$2
	conf=$state/apt.conf
	mkdir -p "$state/lists/partial" "$state/cache/archives/partial"
	: >"$state/status"
	{
		echo "deb $archive $1 main"
		case $1 in *-backports) ;; *) echo "deb $security $1-security main" ;; esac
	} >"$state/sources.list"
	cat >"$conf" <<-END
		APT::Architecture "$2";
		APT::Architectures "$2";
		APT::Sandbox::User "$(id -un)";
		Acquire::Languages "none";
		Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
		Acquire::Retries "2";
		Acquire::http::Timeout "20";
		Acquire::https::Timeout "20";
		Dir::Etc::sourcelist "$state/sources.list";
		Dir::Etc::sourceparts "/dev/null";
		Dir::State::Lists "$state/lists";
		Dir::State::status "$state/status";
		Dir::Cache "$state/cache";
	END
}
