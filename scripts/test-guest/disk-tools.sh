# What the builders of guests share: packages from apt, and a disk with GRUB. The caller sets cache, work and parts.

say() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; }
fail() { say "error: $*"; exit 1; }

# The package that the cloud kernel's metapackage stands for, such as linux-image-6.1.0-56-cloud-amd64.
kernel_package() {
    apt-cache depends linux-image-cloud-amd64 2>/dev/null | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)$/\1/p' | head -n 1
}

update_package_lists() {
    [ "$(id -u)" = 0 ] || fail "apt knows no package linux-image-cloud-amd64; run 'apt-get update' as root first"
    say "updating apt's package lists"
    apt-get -q -q update >&2 || fail "apt-get update failed"
}

# Fetches a package into the cache, unless the version that apt would take is there, and unpacks it.
unpack() { # PACKAGE DIRECTORY
    local package=$1 directory=$2 version file
    version=$(apt-cache policy "$package" | awk '/Candidate:/ { print $2 }')
    [ -n "$version" ] && [ "$version" != "(none)" ] || fail "apt knows no package $package"
    file=$cache/${package}_${version//:/%3a}_amd64.deb
    if [ ! -s "$file" ]; then
        say "downloading $package $version"
        (cd "$work/downloads" && apt-get -q -q -o APT::Sandbox::User="$(id -un)" download "$package=$version" >&2) ||
            fail "apt-get download $package failed"
        mv "$work/downloads/${package}"_*.deb "$file"
    fi
    mkdir -p "$directory"
    dpkg-deb -x "$file" "$directory" || { rm -f "$file"; fail "$file is damaged and was removed; run again"; }
}

# Writes bytes given as hexadecimal digits at an offset of the disk.
poke() { # OFFSET HEX
    printf "$(sed 's/../\\x&/g' <<<"$2")" | dd of="$work/disk.raw" bs=1 seek="$1" conv=notrunc status=none
}

little_endian() { printf '%08x' "$1" | sed 's/\(..\)\(..\)\(..\)\(..\)/\4\3\2\1/'; }

# An entry of the partition table.
write_partition() { # NUMBER FLAG TYPE START SECTORS
    poke $((430 + 16 * $1)) "$2feffff$3feffff$(little_endian "$4")$(little_endian "$5")"
}

# GRUB for machines with a BIOS: in the sectors before the first partition.
build_bios_boot() { # FIRST_FREE_SECTOR CONFIGURATION
    local grub=$work/grub/usr/lib/grub/i386-pc
    make_grub i386-pc "$2" "$work/core.img" biosdisk linux16
    [ "$(stat -c %s "$work/core.img")" -le $((($1 - 1) * 512)) ] || fail "GRUB does not fit before the first partition"
    # The boot code without the partition table that shares its sector; the rest of GRUB follows in sector 1, where
    # the boot code looks for it by itself.
    dd if="$grub/boot.img" of="$work/disk.raw" bs=440 count=1 conv=notrunc status=none
    dd if="$work/core.img" of="$work/disk.raw" bs=512 seek=1 conv=notrunc status=none
}

make_grub() { # PLATFORM CONFIGURATION FILE MODULE…
    local platform=$1 configuration=$2 file=$3
    shift 3
    LD_LIBRARY_PATH=$work/grub/lib/x86_64-linux-gnu "$work/grub/usr/bin/grub-mkimage" -O "$platform" \
        -d "$work/grub/usr/lib/grub/$platform" -p /boot -c "$configuration" -o "$file" part_msdos ext2 search_label "$@" ||
        fail "grub-mkimage failed for $platform"
}
