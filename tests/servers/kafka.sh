#!/usr/bin/env bash
# Runs one node of Kafka (KRaft: broker and controller) in the foreground, so that the
# caller's child is the broker:
#   kafka.sh ROOT PORT CONTROLLER_PORT [KEY=VALUE ...]
# ROOT keeps its data between runs. KEY=VALUE lines are added to the broker's
# properties. KAFKA_USERS holds `NAME:PASSWORD` of users for SCRAM-SHA-512, with
# spaces between them; they are made with the data. A node of a cluster has its number in
# KAFKA_NODE and the controllers of all nodes in KAFKA_VOTERS (`NUMBER@HOST:PORT`, with
# commas between them); KAFKA_HEAP is the largest heap of its Java.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
# shellcheck source=versions.sh
source "$here/versions.sh"
root=$1 port=$2 controller_port=$3
shift 3
node=${KAFKA_NODE:-1}
voters=${KAFKA_VOTERS:-1@127.0.0.1:$controller_port}
IFS=, read -ra nodes <<<"$voters"
# Every node has a copy of everything, and all but one are enough for a write.
readonly COPIES=${#nodes[@]}
readonly IN_SYNC=$((COPIES > 1 ? COPIES - 1 : 1))

readonly CLUSTER_ID=bWV0ZXJsaW5lLXRlc3RzMA
mkdir -p "$root/tmp"
{
    cat <<PROPERTIES
process.roles=broker,controller
node.id=$node
controller.quorum.voters=$voters
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$controller_port
advertised.listeners=PLAINTEXT://127.0.0.1:$port
log.dirs=$root/data
auto.create.topics.enable=false
min.insync.replicas=$IN_SYNC
offsets.topic.replication.factor=$COPIES
offsets.topic.num.partitions=1
group.initial.rebalance.delay.ms=0
transaction.state.log.replication.factor=$COPIES
transaction.state.log.min.isr=$IN_SYNC
share.coordinator.state.topic.replication.factor=$COPIES
share.coordinator.state.topic.min.isr=$IN_SYNC
PROPERTIES
    if (($# > 0)); then printf '%s\n' "$@"; fi
} >"$root/kraft.properties"

# Its native libraries are unpacked below ROOT, so nothing is left in /tmp.
java=(java -Djava.io.tmpdir="$root/tmp" -XX:+UseSerialGC -XX:TieredStopAtLevel=1 "-Xmx${KAFKA_HEAP:-512m}"
    -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -cp "$KAFKA_CLASSPATH_DIR/*")
if [[ ! -f $root/data/meta.properties ]]; then
    users=()
    for user in ${KAFKA_USERS:-}; do
        users+=(--add-scram "SCRAM-SHA-512=[name=${user%%:*},password=${user#*:}]")
    done
    "${java[@]}" kafka.tools.StorageTool format -t "$CLUSTER_ID" -c "$root/kraft.properties" ${users[@]+"${users[@]}"}
fi
exec "${java[@]}" kafka.Kafka "$root/kraft.properties"
