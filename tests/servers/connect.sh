#!/usr/bin/env bash
# Runs a Kafka Connect (standalone) in the foreground with one connector:
#   connect.sh ROOT BROKERS REST_PORT CONNECTOR_PROPERTIES
# ROOT keeps its offsets between runs.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
# shellcheck source=versions.sh
source "$here/versions.sh"
root=$1 brokers=$2 rest_port=$3 connector=$4

mkdir -p "$root/plugins" "$root/tmp"
cat >"$root/worker.properties" <<PROPERTIES
bootstrap.servers=$brokers
listeners=http://127.0.0.1:$rest_port
offset.storage.file.filename=$root/offsets
plugin.path=$root/plugins
key.converter=org.apache.kafka.connect.storage.StringConverter
value.converter=org.apache.kafka.connect.storage.StringConverter
PROPERTIES
exec java -Djava.io.tmpdir="$root/tmp" -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xmx384m \
    -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -cp "$CONNECT_DIR/*" \
    org.apache.kafka.connect.cli.ConnectStandalone "$root/worker.properties" "$connector"
