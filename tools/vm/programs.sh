#!/bin/sh
# Brings the emulator and what else makes a virtual machine: sh tools/vm/programs.sh amd64|arm64. Installed programs are
# taken as they are; others are unpacked into the cache, as tools/setup.sh does it, and nothing is installed.
set -eu
cd "$(dirname "$0")/../.."
. tools/lib.sh
. tools/vm/lib.sh

case $1 in
amd64) emulator=qemu-system-x86_64 package=qemu-system-x86 ;;
arm64) emulator=qemu-system-aarch64 package=qemu-system-arm ;;
esac

wanted=''
[ -x "$VM_CACHE/bin/$emulator" ] || have $emulator || wanted="$wanted $package"
[ -x "$VM_CACHE/bin/busybox" ] || wanted="$wanted busybox-static"
have xz || wanted="$wanted xz-utils"
[ -n "$wanted" ] || exit 0

find_mirror || {
	say "missing:$wanted, as Debian's packages are called; here apt knows no Debian repository: install them yourself"
	exit 1
}
say "unpacking into $VM_CACHE, not installing:$wanted"
root=$VM_CACHE/root
mkdir -p "$VM_CACHE/packages" "$root" "$VM_CACHE/bin"
# shellcheck disable=SC2086 # a list of packages
closure=$(apt-get -q install -s --no-install-recommends $wanted | sed -n 's/^Inst \([^ ]*\) .*/\1/p')
# shellcheck disable=SC2086
(cd "$VM_CACHE/packages" && apt-get -q -o Acquire::Retries=2 -o APT::Sandbox::User="$(id -un)" download $closure >&2)
for file in "$VM_CACHE/packages"/*.deb; do
	dpkg -x "$file" "$root"
	rm "$file"
done
[ ! -e "$root/bin/busybox" ] || ln -sf ../root/bin/busybox "$VM_CACHE/bin/busybox"
[ ! -e "$root/usr/bin/$emulator" ] || cat >"$VM_CACHE/bin/$emulator" <<END
#!/bin/sh
# The unpacked emulator with the libraries, modules and firmware unpacked beside it.
root=\${0%/*}/../root
libraries=\$(find "\$root/usr/lib" "\$root/lib" -name '*.so*' -printf '%h\n' | sort -u | paste -s -d : -)
export LD_LIBRARY_PATH="\$libraries" QEMU_MODULE_DIR="\$(echo "\$root"/usr/lib/*/qemu)"
exec "\$root/usr/bin/$emulator" -L "\$root/usr/share/qemu" -L "\$root/usr/share/seabios" "\$@"
END
chmod +x "$VM_CACHE/bin"/qemu-* 2>/dev/null || :
