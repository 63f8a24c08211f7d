#!/usr/bin/env bash
# Runs Mosquitto with a configuration file: mosquitto.sh FILE
set -euo pipefail
# shellcheck source=versions.sh
source "$(dirname "${BASH_SOURCE[0]}")/versions.sh"

program="$(mosquitto_installed)"
if [[ -z $program ]]; then
    program="$MOSQUITTO_DIR/usr/sbin/mosquitto"
    libraries=("$MOSQUITTO_DIR"/usr/lib/*-linux-gnu)
    export LD_LIBRARY_PATH="${libraries[0]}"
fi
exec "$program" -c "$1"
