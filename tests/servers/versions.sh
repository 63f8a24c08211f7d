# shellcheck shell=bash
# The servers and tools that the tests need, and where their programs are kept.
# Sourced by ./test and by the start scripts beside this file.

QUESTDB_VERSION=9.3.4
KAFKA_VERSION=4.4.0
CARGO_DENY_VERSION=0.20.2

SERVERS_DIR="${METERLINE_SERVERS_DIR:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)/.servers}"
QUESTDB_JAR="${METERLINE_TEST_QUESTDB_JAR:-$SERVERS_DIR/questdb-$QUESTDB_VERSION/questdb-$QUESTDB_VERSION.jar}"
KAFKA_CLASSPATH_DIR="${METERLINE_TEST_KAFKA_CLASSPATH:-$SERVERS_DIR/kafka-$KAFKA_VERSION}"
