#!/usr/bin/env bash
# Installs, upgrades, rolls back, removes and purges the Debian package in a chroot of this
# machine's distribution, with the service started by hand between the steps, and counts the
# readings after each. Checks the packages by lintian and the units by systemd-analyze. The two
# versions contain the same program, of an unoptimized build.
# There is no systemd as PID 1 in the chroot, so the units are not started here.
# usage: tests/package/check.sh CARGO_DEB WORK_DIRECTORY (as root)
set -euo pipefail
cd "$(dirname "$0")/../.."
cargo_deb=$1 work=$2
root="$work/root"
# shellcheck source=/dev/null
suite=$(. /etc/os-release && echo "$VERSION_CODENAME")

build() { # VERSION: the package's file
    "$cargo_deb" --quiet --no-build --profile dev --fast --deb-version "$1" --output "$work/meterline_$1.deb" >/dev/null 2>&1
    echo "$work/meterline_$1.deb"
}

cargo build --locked --bin meterline
deploy/debian/generate.sh target/debug/meterline
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
old=$(build "$version-1") new=$(build "$version-2")

# The changelog has the first of the two versions.
lintian --fail-on error --allow-root "$old"

mkdir "$work/units"
cp deploy/systemd/meterline.{service,socket} "$work/units"
# The program must exist for the check.
sed -i "s#/usr/bin/meterline#$PWD/target/debug/meterline#" "$work/units/meterline.service"
systemd-analyze verify --man=no "$work"/units/meterline.{service,socket}
systemd-analyze security --offline=yes --threshold=20 --no-pager "$work/units/meterline.service" | tail -n 1

debootstrap --variant=minbase --include=systemd-standalone-sysusers,zlib1g "$suite" "$root" >"$work/debootstrap.log" \
    || { tail -n 5 "$work/debootstrap.log" >&2; exit 1; }
cp "$old" "$root/old.deb"
cp "$new" "$root/new.deb"
cp tests/package/in_chroot.sh "$root/in_chroot.sh"
# A network of its own, so that the default ports are free; everything ends with the script.
unshare --mount --net --pid --fork --kill-child sh -c '
    ip link set lo up && mount -t proc proc "$1/proc" && exec chroot "$1" /bin/bash /in_chroot.sh' sh "$root"
