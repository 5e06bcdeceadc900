#!/bin/sh
# Brings what makes a virtual machine: sh tools/vm/programs.sh amd64|arm64. Installed programs are taken as they are;
# others are unpacked into the cache, as tools/setup.sh does it, and nothing is installed.
set -eu
cd "$(dirname "$0")/../.."
. tools/lib.sh
. tools/vm/lib.sh

case $1 in
amd64) emulator=qemu-system-x86_64 package=qemu-system-x86 ;;
arm64) emulator=qemu-system-aarch64 package=qemu-system-arm ;;
*) exit 2 ;;
esac

# $wanted: packages of what is not here.
look() {
	wanted=''
	[ -x "$VM_CACHE/bin/$emulator" ] || have $emulator || wanted="$wanted $package"
	[ -x "$VM_CACHE/bin/busybox" ] || wanted="$wanted busybox-static"
	have xz || wanted="$wanted xz-utils"
	[ "$1" != arm64 ] || [ -x "$VM_CACHE/bin/ld.lld" ] || have ld.lld || wanted="$wanted lld-19"
}

bring() {
	find_mirror || {
		say "missing:$wanted, as Debian calls the packages; apt knows no Debian repository here: install them yourself"
		return 1
	}
	say "unpacking into $VM_CACHE, not installing:$wanted"
	mkdir -p "$VM_CACHE/packages" "$VM_CACHE/root" "$VM_CACHE/bin"
	# shellcheck disable=SC2086 # a list of packages
	closure=$(apt-get -q install -s --no-install-recommends $wanted | sed -n 's/^Inst \([^ ]*\) .*/\1/p')
	# shellcheck disable=SC2086
	(cd "$VM_CACHE/packages" &&
		apt-get -q -o Acquire::Retries=2 -o APT::Sandbox::User="$(id -un)" download $closure >&2) || {
		say "apt-get could not download:$wanted"
		return 1
	}
	for file in "$VM_CACHE/packages"/*.deb; do
		dpkg -x "$file" "$VM_CACHE/root"
		rm "$file"
	done
	[ ! -e "$VM_CACHE/root/bin/busybox" ] || ln -sf ../root/bin/busybox "$VM_CACHE/bin/busybox"
	[ ! -e "$VM_CACHE/root/usr/bin/ld.lld-19" ] || ln -sf ../root/usr/bin/ld.lld-19 "$VM_CACHE/bin/ld.lld"
	[ ! -e "$VM_CACHE/root/usr/bin/$emulator" ] || link_emulator
}

# The unpacked emulator runs with the libraries, modules and firmware unpacked beside it.
link_emulator() {
	cat >"$VM_CACHE/bin/$emulator" <<-END
		#!/bin/sh
		root=\${0%/*}/../root
		libraries=\$(find "\$root/usr/lib" "\$root/lib" -name '*.so*' -printf '%h\n' 2>/dev/null | sort -u | paste -s -d : -)
		export LD_LIBRARY_PATH="\$libraries" QEMU_MODULE_DIR="\$(echo "\$root"/usr/lib/*/qemu)"
		exec "\$root/usr/bin/$emulator" -L "\$root/usr/share/qemu" -L "\$root/usr/share/seabios" "\$@"
	END
	chmod +x "$VM_CACHE/bin/$emulator"
}

# What ends the emulator from inside, on x86-64.
build_exit_status() {
	[ -n "$(find build/vm/exit-status -newer tools/vm/exit-status.c 2>/dev/null)" ] ||
		"$(llvm_program clang)" -O2 -static tools/vm/exit-status.c -o build/vm/exit-status
}

# What the guest runs beside the agent, and what links programs for it, of the release whose libraries our image has too.
FOREIGN='busybox-static dash iproute2 libatomic1 libbpf1 libc6-dev libgcc-12-dev libstdc++6 util-linux'

bring_foreign() {
	root=$VM_CACHE/arm64-root
	[ -d "$root" ] && return
	find_mirror || {
		say "no Debian repository is known here: programs for arm64 come by apt from a Debian mirror, after apt-get update"
		return 1
	}
	private_apt bookworm arm64 "$VM_CACHE/apt"
	say "unpacking for arm64: $FOREIGN"
	new=$(mktemp -d "$VM_CACHE/new.XXXXXX")
	if download_foreign; then
		for file in "$new"/*.deb; do dpkg -x "$file" "$new/root"; done
		mv "$new/root" "$root"
	else
		say "apt-get could not download programs for arm64"
	fi
	rm -rf "$new" "$VM_CACHE/apt"
	[ -d "$root" ]
}

# With what they depend on.
download_foreign() {
	apt-get -q -c "$conf" update >&2 || return
	# shellcheck disable=SC2086 # a list of packages
	closure=$(apt-get -q -c "$conf" install -s --no-install-recommends $FOREIGN | sed -n 's/^Inst \([^ ]*\) .*/\1/p')
	# shellcheck disable=SC2086
	(cd "$new" && apt-get -q -c "$conf" download $closure >&2)
}

# The programs of the tests, linked statically.
build_foreign_traffic() {
	linker=$VM_CACHE/bin/ld.lld
	[ -x "$linker" ] || linker=$(command -v ld.lld)
	TRAFFIC_OUTPUT=build/vm/arm64-traffic \
		TRAFFIC_FLAGS="--target=aarch64-linux-gnu --sysroot=$VM_CACHE/arm64-root --ld-path=$linker -static" \
		sh tools/build-traffic.sh >&2 || {
		say "the programs of the tests cannot be built for arm64"
		return 1
	}
}

mkdir -p "$VM_CACHE/bin" build/vm
look "$1"
if [ -n "$wanted" ]; then
	lock_cache
	look "$1"
	[ -z "$wanted" ] || bring
fi
case $1 in
amd64) build_exit_status ;;
arm64)
	[ -d "$VM_CACHE/arm64-root" ] || { lock_cache && bring_foreign; }
	build_foreign_traffic
	;;
esac
