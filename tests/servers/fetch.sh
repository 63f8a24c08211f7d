#!/usr/bin/env bash
# Fetches what is missing of the test servers: QuestDB, Kafka and Kafka Connect from Maven
# Central, Prometheus, Mosquitto and kcat from Debian, the Python of an example from PyPI. Existing files are kept.
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

connect_jars() {
    "${MVN[@]}" -f "$here/connect.pom.xml" -Dconnect.version="$CONNECT_VERSION" "$PLUGIN:copy-dependencies" \
        -DincludeScope=runtime -DoutputDirectory="$1" \
        || fail "Maven could not fetch Kafka Connect $CONNECT_VERSION; see its lines above, then run ./test again."
}

# Debian's packages are unpacked here instead of installed: that would also start
# their servers.
# debian_package NAME DIRECTORY: the package's file.
debian_package() {
    ( cd "$2" && apt-get download "$1" >/dev/null 2>&1 ) \
        || { apt-get update -qq >/dev/null 2>&1 && ( cd "$2" && apt-get download "$1" >/dev/null ); } \
        || fail "apt-get could not fetch the package $1: install it (Debian and Ubuntu: apt-get install $1)."
    echo "$2/$1"_*.deb
}

prometheus_from_debian() {
    local package
    package="$(debian_package prometheus "$1")"
    dpkg-deb -x "$package" "$1/unpacked"
    mv "$1"/unpacked/usr/bin/{prometheus,promtool} "$1"
    rm -rf "$1/unpacked" "$package"
}

# A package with the libraries that this machine does not have: NAME DIRECTORY.
with_libraries_from_debian() {
    local names=("$1") name package
    while ((${#names[@]} > 0)); do
        name=${names[0]} names=("${names[@]:1}")
        package="$(debian_package "$name" "$2")"
        dpkg-deb -x "$package" "$2"
        for name in $(dpkg-deb -f "$package" Depends | tr ',' '\n' | sed 's/^ *//; s/[ :|(].*//' | grep '^lib'); do
            dpkg-query -W -f '${Status}' "$name" 2>/dev/null | grep -q ' installed$' \
                || compgen -G "$2/${name}_*.deb" >/dev/null || names+=("$name")
        done
    done
    rm -f "$2"/*.deb
}

fetch_kcat() {
    command -v kcat >/dev/null && return 0
    command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null \
        || fail "kcat is missing: install it and put it on the PATH (an example in docs/consumers.md uses it)."
    fetch_into "$KCAT_DIR" with_libraries_from_debian kcat
}

# A virtual environment with what docs/examples/kafka/consume.py imports, and with the
# deserializers for values with the id of a schema.
python_packages() {
    python3 -m venv "$1" && "$1/bin/python" -m pip install --quiet --disable-pip-version-check \
        "confluent-kafka[schemaregistry,json,protobuf]==$PYTHON_KAFKA_VERSION" "grpcio-tools==$PYTHON_PROTOC_VERSION" \
        || fail "the Python packages of an example could not be installed: install Python 3.10 or newer with venv (Debian and Ubuntu: apt-get install python3-venv)."
}

fetch_mosquitto() {
    [[ -n $(mosquitto_installed) ]] && return 0
    command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null \
        || fail "mosquitto is missing: install the MQTT broker Mosquitto, 2.0 or newer, and put it on the PATH."
    fetch_into "$MOSQUITTO_DIR" with_libraries_from_debian mosquitto
}

fetch_prometheus() {
    command -v prometheus >/dev/null && command -v promtool >/dev/null && return 0
    command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null \
        || fail "prometheus or promtool is missing: install Prometheus and put both on the PATH (the tests check the metrics and alerts with them)."
    fetch_into "$PROMETHEUS_DIR" prometheus_from_debian
}

mkdir -p "$SERVERS_DIR"
[[ -f $QUESTDB_JAR ]] || fetch_into "$(dirname "$QUESTDB_JAR")" questdb_jar
fetch_into "$KAFKA_CLASSPATH_DIR" kafka_jars
fetch_into "$CONNECT_DIR" connect_jars
fetch_prometheus
fetch_mosquitto
fetch_kcat
fetch_into "$PYTHON_DIR" python_packages
