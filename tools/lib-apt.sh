# shellcheck shell=sh disable=SC2034 # read by who sources it
# Packages of Debian for scripts that install none: apt with a state of its own downloads them and checks their signatures.

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

# `private_apt SUITE ARCHITECTURE FOLDER`: the options of an apt that knows one release of Debian, for one architecture, and
# of which nothing is installed are then in the file $conf. Its state is kept below the folder.
private_apt() {
	state=$3/$1-$2
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
