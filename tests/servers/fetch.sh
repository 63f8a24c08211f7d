#!/usr/bin/env bash
# Fetches what is missing of the test servers: QuestDB and Kafka from Maven
# Central, promtool from Debian. Existing files are kept.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
# shellcheck source=versions.sh
source "$here/versions.sh"

readonly MVN=(mvn -q -B -C -Dstyle.color=never)
readonly PLUGIN=org.apache.maven.plugins:maven-dependency-plugin:3.6.1

fail() { printf 'tests/servers/fetch.sh: %s\n' "$1" >&2; exit 1; }

# A directory appears under its own name only once it is whole.
fetch_into() {
    local target=$1; shift
    [[ -d $target ]] && return 0
    rm -rf "$target.part"
    mkdir -p "$target.part"
    "$@" "$target.part"
    mv "$target.part" "$target"
}

questdb_jar() {
    "${MVN[@]}" "$PLUGIN:copy" -Dartifact="org.questdb:questdb:$QUESTDB_VERSION" -DoutputDirectory="$1" \
        || fail "Maven could not fetch QuestDB $QUESTDB_VERSION; see its lines above, then run ./test again."
}

kafka_jars() {
    "${MVN[@]}" -f "$here/kafka.pom.xml" -Dkafka.version="$KAFKA_VERSION" "$PLUGIN:copy-dependencies" \
        -DincludeScope=runtime -DoutputDirectory="$1" \
        || fail "Maven could not fetch Kafka $KAFKA_VERSION; see its lines above, then run ./test again."
}

# Debian's package is unpacked here instead of installed: that would also start
# a Prometheus.
promtool_from_debian() {
    local package
    ( cd "$1" && apt-get download prometheus >/dev/null 2>&1 ) \
        || { apt-get update -qq >/dev/null 2>&1 && ( cd "$1" && apt-get download prometheus >/dev/null ); } \
        || fail "promtool is missing and apt-get could not fetch it: install Prometheus' promtool (Debian and Ubuntu: apt-get install prometheus)."
    package=("$1"/prometheus_*.deb)
    dpkg-deb -x "${package[0]}" "$1/unpacked"
    mv "$1/unpacked/usr/bin/promtool" "$1/promtool"
    rm -rf "$1/unpacked" "${package[0]}"
}

fetch_promtool() {
    command -v promtool >/dev/null && return 0
    command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null \
        || fail "promtool is missing: install Prometheus' promtool and put it on the PATH (the tests check the metrics with it)."
    fetch_into "$SERVERS_DIR/promtool" promtool_from_debian
}

mkdir -p "$SERVERS_DIR"
[[ -f $QUESTDB_JAR ]] || fetch_into "$(dirname "$QUESTDB_JAR")" questdb_jar
fetch_into "$KAFKA_CLASSPATH_DIR" kafka_jars
fetch_promtool
