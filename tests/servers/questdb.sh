#!/usr/bin/env bash
# Runs a QuestDB in the foreground, so that the caller's child is the server:
#   questdb.sh ROOT HTTP_PORT PG_PORT MIN_HTTP_PORT [KEY=VALUE ...]
# ROOT keeps its data between runs. KEY=VALUE lines are added to server.conf.
set -euo pipefail
# shellcheck source=versions.sh
source "$(dirname "${BASH_SOURCE[0]}")/versions.sh"
root=$1 http_port=$2 pg_port=$3 min_http_port=$4
shift 4

mkdir -p "$root/conf" "$root/tmp"
{
    cat <<CONF
http.bind.to=127.0.0.1:$http_port
http.min.bind.to=127.0.0.1:$min_http_port
pg.net.bind.to=127.0.0.1:$pg_port
line.tcp.enabled=false
line.auto.create.new.tables=false
line.auto.create.new.columns=false
telemetry.enabled=false
metrics.enabled=true
cairo.writer.data.append.page.size=1M
# Many tests make tables on one server: files of idle ones are closed soon.
cairo.idle.check.interval=5000
cairo.inactive.reader.ttl=10000
cairo.inactive.writer.ttl=10000
cairo.wal.inactive.writer.ttl=10000
shared.network.worker.count=2
shared.query.worker.count=1
shared.write.worker.count=1
CONF
    if (($# > 0)); then printf '%s\n' "$@"; fi
} >"$root/conf/server.conf"

# Its native libraries are unpacked below ROOT, so nothing is left in /tmp.
exec java -Djava.io.tmpdir="$root/tmp" -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xmx512m -Dnoebug \
    --add-opens=java.base/java.lang=io.questdb --add-opens=java.base/java.lang.reflect=io.questdb \
    --add-opens=java.base/java.nio=io.questdb --add-opens=java.base/java.time.zone=io.questdb \
    -p "$QUESTDB_JAR" -m io.questdb/io.questdb.ServerMain -d "$root"
