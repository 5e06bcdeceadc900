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
	if [ "$1" = arm64 ]; then have ld.lld-19 || have ld.lld || wanted="$wanted lld-19"; fi
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
	[ -n "$(find "$VM_CACHE/bin/exit-status" -newer tools/vm/exit-status.c 2>/dev/null)" ] ||
		"$(llvm_program clang)" -O2 -static tools/vm/exit-status.c -o "$VM_CACHE/bin/exit-status"
}

mkdir -p "$VM_CACHE/bin"
look "$1"
if [ -n "$wanted" ]; then
	lock_cache
	look "$1"
	[ -z "$wanted" ] || bring
fi
[ "$1" != amd64 ] || build_exit_status
