#!/usr/bin/env bash
# Fetches what is missing of the browser's tests: the packages of tests/browser, and
# Chromium from Debian. Prints the browser's program.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
# shellcheck source=versions.sh
source "$here/versions.sh"

fail() { printf 'tests/servers/browser.sh: %s\n' "$1" >&2; exit 1; }

packages="$SERVERS_DIR/browser"
lock="$here/../browser/package-lock.json"
command -v node >/dev/null || fail "node is missing: install Node.js 20 or newer (Debian: apt-get install nodejs npm)."
if ! cmp -s "$lock" "$packages/package-lock.json" || [[ ! -d $packages/node_modules ]]; then
    command -v npm >/dev/null || fail "npm is missing: install it (Debian: apt-get install npm)."
    mkdir -p "$packages"
    cp "$here/../browser/package.json" "$packages/"
    cp "$lock" "$packages/package-lock.json"
    (cd "$packages" && npm ci --ignore-scripts --no-audit --no-fund --silent >&2) \
        || { rm -f "$packages/package-lock.json"; fail "npm could not fetch the packages of tests/browser."; }
fi

chromium="$(command -v chromium || command -v chromium-browser || true)"
if [[ -z $chromium ]]; then
    [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null \
        || fail "chromium is missing: install it (Debian: apt-get install chromium)."
    { apt-get update -qq && apt-get install -qq --no-install-recommends chromium fonts-dejavu-core; } >&2 \
        || fail "apt-get could not install chromium."
    chromium="$(command -v chromium)" || fail "apt-get installed chromium, but it is not on the PATH."
fi
echo "$chromium"
