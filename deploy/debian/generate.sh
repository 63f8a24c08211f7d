#!/usr/bin/env bash
# Writes the completions and manual pages of the package, made by the program itself.
# usage: deploy/debian/generate.sh PROGRAM: writes to target/generated
set -euo pipefail
cd "$(dirname "$0")/../.."
rm -rf target/generated
mkdir -p target/generated/man
"$1" man target/generated/man
for shell in bash zsh fish; do "$1" completions "$shell" >"target/generated/meterline.$shell"; done
