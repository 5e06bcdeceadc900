# shellcheck shell=sh disable=SC2034 # read by tools/setup.sh
# What must be there, how to tell, and which package of which distribution has it. Sourced by tools/setup.sh.

# What is missing, as lines for a person, and as lists of packages. $unpack is a list of program=package.
missing='' apt='' unpack='' fedora='' alpine='' arch=''

# need WHAT DEBIAN FEDORA ALPINE ARCH
need() {
	missing="$missing
  - $1"
	apt="$apt${2:+ $2}"
	fedora="$fedora $3"
	alpine="$alpine $4"
	arch="$arch $5"
}

# need_program NAME DEBIAN FEDORA ALPINE ARCH: a program that only the tests run.
need_program() {
	need "$1, for the tests" "" "$3" "$4" "$5"
	unpack="$unpack $1=$2"
}

program() {
	have "$1" || need_program "$@"
}

# The first of these packages that the package sources know; the first of all where they know none.
known_package() {
	default=$1
	while [ $# -gt 0 ]; do
		if apt-cache show "$1" 2>/dev/null | grep -q '^Package:'; then
			default=$1
			break
		fi
		shift
	done
	echo "$default"
}

# The package of a program of LLVM: `llvm_package clang`.
llvm_package() {
	known_package "$1-19" "$1-18" "$1-17" "$1-16"
}

has_libbpf() {
	library=$(find /lib /lib64 /usr/lib /usr/lib64 /usr/local/lib -maxdepth 2 -name libbpf.so.1 2>/dev/null |
		head -n 1)
	[ -n "$library" ] || return 1
	case $(readlink -f "$library") in *.so.1.0.*) return 1 ;; esac
}

# Ubuntu keeps bpftool with the tools of one kernel, and its wrapper refuses to run on any other.
has_bpftool() {
	if bpftool version >/dev/null 2>&1; then return; fi
	for real in /usr/lib/linux-tools*/*/bpftool /usr/lib/linux-tools-*/bpftool; do
		if [ -x "$real" ] && "$real" version >/dev/null 2>&1; then
			mkdir -p "$CACHE/first"
			ln -sf "$real" "$CACHE/first/bpftool"
			return
		fi
	done
	return 1
}

look_for_start() {
	modules_are_fresh || have npm ||
		need "npm, brings the packages and Node 26" npm nodejs-npm npm npm
	llvm_program clang >/dev/null ||
		need "clang 16 or newer, builds the kernel programs" "$(llvm_package clang)" clang clang clang
	llvm_program llvm-strip >/dev/null ||
		need "llvm-strip 16 or newer, makes them small" "$(llvm_package llvm)" llvm llvm llvm
	has_libbpf ||
		need "libbpf 1.1 or newer, loads them" libbpf1 libbpf libbpf libbpf
	[ -f /usr/include/bpf/bpf_helpers.h ] ||
		need "the headers of libbpf" libbpf-dev libbpf-devel libbpf-dev libbpf
	has_bpftool ||
		need "bpftool, reads their layouts" "$(known_package bpftool linux-tools-generic)" bpftool bpftool bpf
}

look_for_tests() {
	if ! [ -f /usr/include/stdio.h ] || ! [ -f /usr/include/linux/tcp.h ]; then
		need "the headers of libc, for the programs of the tests" \
			libc6-dev "glibc-devel kernel-headers" "musl-dev linux-headers" "glibc linux-api-headers"
	fi
	llvm_program clang-format >/dev/null ||
		need_program clang-format "$(llvm_package clang-format)" clang-tools-extra clang-extra-tools clang
	program shellcheck shellcheck ShellCheck shellcheck shellcheck
	program ip iproute2 iproute iproute2 iproute2
	program ss iproute2 iproute iproute2 iproute2
	program tc iproute2 iproute-tc iproute2 iproute2
	program nft nftables nftables nftables nftables
	program curl curl curl curl curl
	program openssl openssl openssl openssl openssl
	program iperf3 iperf3 iperf3 iperf3 iperf3
	program nginx nginx nginx nginx nginx
	program wrk wrk wrk wrk wrk
	program dnsmasq dnsmasq-base dnsmasq dnsmasq dnsmasq
	program dig bind9-dnsutils bind-utils bind-tools bind
	program prometheus prometheus golang-github-prometheus prometheus prometheus
	program promtool prometheus golang-github-prometheus prometheus prometheus
}

# look start|test: fills the lists.
look() {
	mode=$1
	missing='' apt='' unpack='' fedora='' alpine='' arch=''
	look_for_start
	if [ "$mode" = test ]; then look_for_tests; fi
}

# The words of a list, each once.
once() {
	echo "$*" | tr ' ' '\n' | awk 'NF && !seen[$0]++' | paste -s -d ' ' -
}

# The packages of the programs that are unpacked.
unpacked() {
	for pair in $unpack; do echo "${pair#*=}"; done
}

how_to_get_on_debian() {
	[ -z "$apt" ] || say "as root: apt-get install -y --no-install-recommends $(once "$apt")"
	[ -z "$unpack" ] ||
		say "the programs of the tests come by themselves where the package sources answer and apt-get update has run" \
			"once; installed ones do as well: apt-get install $(once "$(unpacked)")"
}

# The command that brings what is missing, for the distribution at hand.
how_to_get() {
	ids=$(sed -n 's/^ID\(_LIKE\)\{0,1\}=//p' "${SETUP_OS_RELEASE-/etc/os-release}" 2>/dev/null | tr -d '"' | tr '\n' ' ')
	case " $ids" in
	*' debian '* | *' ubuntu '*) how_to_get_on_debian ;;
	*' fedora '* | *' rhel '*) say "as root: dnf install -y $(once "$fedora")" ;;
	*' alpine '*) say "as root: apk add $(once "$alpine")" ;;
	*' arch '*) say "as root: pacman -S --needed $(once "$arch")" ;;
	*) say "Debian's packages are called: $(once "$apt $(unpacked)")" ;;
	esac
}
