#!/usr/bin/env bash
# Runs kcat: the installed one, or the one that fetch.sh unpacked.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
# shellcheck source=versions.sh
source "$here/versions.sh"
if command -v kcat >/dev/null; then exec kcat "$@"; fi
libraries=("$KCAT_DIR"/usr/lib/*-linux-gnu)
LD_LIBRARY_PATH="${libraries[0]}" exec "$KCAT_DIR/usr/bin/kcat" "$@"
