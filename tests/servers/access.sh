#!/usr/bin/env bash
# Grants a user operations on a topic of a broker, or takes them back:
#   access.sh BROKERS grant|refuse USER TOPIC OPERATION...
# Or on groups or transactional ids: group:PREFIX or transactional_id:PREFIX in the place of TOPIC.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
# shellcheck source=versions.sh
source "$here/versions.sh"
exec java -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xmx256m -Dorg.slf4j.simpleLogger.defaultLogLevel=warn \
    -cp "$KAFKA_CLASSPATH_DIR/*" "$here/GrantAccess.java" "$@"
