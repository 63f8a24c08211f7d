#!/usr/bin/env bash
# Builds what a release consists of: the program, its debug information, the Debian packages
# and the list of its components. A debugger finds the debug information by its build id.
# usage: deploy/release.sh [DIRECTORY]: writes into it (target/release-files)
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=tests/servers/versions.sh
source tests/servers/versions.sh
out=${1:-target/release-files}

tool() { # NAME VERSION: the program, built once
    local root="$SERVERS_DIR/$1-$2"
    [[ -x $root/bin/$1 ]] || CARGO_PROFILE_DEV_DEBUG=0 cargo install "$1" --version "$2" --locked --debug --quiet --root "$root" >&2
    echo "$root/bin/$1"
}

# A tagged version has its date in the changelog.
if git describe --exact-match --tags >/dev/null 2>&1 && grep -q '^## .*unreleased' CHANGELOG.md; then
    echo "CHANGELOG.md: write the date in the place of 'unreleased', then tag again" >&2
    exit 1
fi

mkdir -p "$out"
cargo build --profile dist --locked --bin meterline
program=target/dist/meterline
deploy/debian/generate.sh "$program"
objcopy --only-keep-debug --compress-debug-sections=zlib "$program" "$out/meterline.debug"
objcopy --strip-all --add-gnu-debuglink="$out/meterline.debug" "$program" "$out/meterline"

"$(tool cargo-deb "$CARGO_DEB_VERSION")" --no-build --output "$out/"

# CycloneDX, of the dependencies that are built in.
"$(tool cargo-cyclonedx "$CARGO_CYCLONEDX_VERSION")" cyclonedx --format json --spec-version 1.5 --override-filename meterline.cdx
mv meterline.cdx.json "$out/"
rm -f load-tests/meterline.cdx.json load-tests/compare/meterline.cdx.json tests/concurrency/meterline.cdx.json

(cd "$out" && rm -f SHA256SUMS && sha256sum -- * >../SHA256SUMS && mv ../SHA256SUMS .)
ls -l "$out"
