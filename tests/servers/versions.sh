# shellcheck shell=bash
# The servers and tools that the tests need, and where their programs are kept.
# Sourced by ./test and by the start scripts beside this file.

QUESTDB_VERSION=9.3.4
KAFKA_VERSION=4.4.0
# The newest whose connector for files is at Maven Central; a Connect may be older than its broker.
CONNECT_VERSION=4.1.1
CARGO_DENY_VERSION=0.20.2
CARGO_DEB_VERSION=3.8.0
CARGO_CYCLONEDX_VERSION=0.5.9
PYTHON_KAFKA_VERSION=2.16.1
PYTHON_PROTOC_VERSION=1.85.1

SERVERS_DIR="${METERLINE_SERVERS_DIR:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)/.servers}"
QUESTDB_JAR="${METERLINE_TEST_QUESTDB_JAR:-$SERVERS_DIR/questdb-$QUESTDB_VERSION/questdb-$QUESTDB_VERSION.jar}"
KAFKA_CLASSPATH_DIR="${METERLINE_TEST_KAFKA_CLASSPATH:-$SERVERS_DIR/kafka-$KAFKA_VERSION}"
# Unpacked here unless they are installed.
PROMETHEUS_DIR="$SERVERS_DIR/prometheus"
MOSQUITTO_DIR="$SERVERS_DIR/mosquitto"
KCAT_DIR="$SERVERS_DIR/kcat"
CONNECT_DIR="$SERVERS_DIR/kafka-connect-$CONNECT_VERSION"
PYTHON_DIR="$SERVERS_DIR/python-kafka-json-$PYTHON_KAFKA_VERSION"

# The program of an installed Mosquitto; nothing without one.
mosquitto_installed() { PATH="$PATH:/usr/sbin:/usr/local/sbin" command -v mosquitto || true; }

# Mosquitto's tool for password files.
mosquitto_password_tool() {
    if [[ -n $(mosquitto_installed) ]]; then mosquitto_passwd "$@"; else
        local libraries=("$MOSQUITTO_DIR"/usr/lib/*-linux-gnu)
        LD_LIBRARY_PATH="${libraries[0]}" "$MOSQUITTO_DIR/usr/bin/mosquitto_passwd" "$@"
    fi
}

# The file of its plugin for rights.
mosquitto_rights_plugin() {
    local root="$MOSQUITTO_DIR"
    [[ -n $(mosquitto_installed) ]] && root=""
    echo "$root"/usr/lib/*-linux-gnu/mosquitto_dynamic_security.so
}
