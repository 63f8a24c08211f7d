#!/usr/bin/env bash
# Several nodes that write to one topic of three brokers and to one table: the CPU of a sample with 1, 2 and 3
# nodes, and then a run in which a node and a broker are killed and everything is restarted, with the rows counted.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
    cat <<'HELP'
Usage: load-tests/scale-out.sh [--meters M] [--bodies B] [--faults SECONDS] [--bin DIRECTORY]

  --meters M        of all nodes together, in bodies of 50 (50000)
  --bodies B        of a measurement, over all nodes (10000)
  --faults SECONDS  of the run with faults (120)
  --bin DIRECTORY   of meterline and meterline-load (target/release)

Prints a JSON line for each measurement; needs Java and the servers of ./test.
HELP
}

meters=50000 bodies=10000 faults=120 bin=target/release
while (($# > 0)); do
    case "$1" in
        --meters) meters=$2; shift 2 ;;
        --bodies) bodies=$2; shift 2 ;;
        --faults) faults=$2; shift 2 ;;
        --bin) bin=$2; shift 2 ;;
        -h | --help) usage; exit 0 ;;
        *) usage >&2; exit 2 ;;
    esac
done

work=$(mktemp -d)
export TMPDIR="$work"
trap 'kill -KILL $(jobs -p) 2>/dev/null || true; wait 2>/dev/null; rm -rf "$work"' EXIT
fail() { echo "scale-out: $*" >&2; exit 1; }
wait_for() { # SECONDS COMMAND...
    local end=$((SECONDS + $1)); shift
    until "$@"; do ((SECONDS < end)) || fail "waited too long for: $*"; sleep 0.5; done
}

# --- servers ----------------------------------------------------------------
tests/servers/fetch.sh >/dev/null
tests/servers/questdb.sh "$work/questdb" 17201 17202 17203 >"$work/questdb.log" 2>&1 & questdb=$!
voters=1@127.0.0.1:17221,2@127.0.0.1:17222,3@127.0.0.1:17223
kafka=127.0.0.1:17211,127.0.0.1:17212,127.0.0.1:17213
brokers=()
broker() { # NUMBER
    KAFKA_NODE=$1 KAFKA_VOTERS=$voters KAFKA_HEAP=256m \
        tests/servers/kafka.sh "$work/kafka$1" $((17210 + $1)) $((17220 + $1)) >>"$work/kafka$1.log" 2>&1 &
    brokers[$1]=$!
}
for number in 1 2 3; do broker "$number"; done

sql() { curl -sS --max-time 600 -G http://127.0.0.1:17201/exp --data-urlencode "query=$1" | sed 1d; }
cpu_ms() { # PID...
    local pid sum=0
    for pid; do sum=$((sum + $(awk '{print ($14 + $15) * 10}' "/proc/$pid/stat"))); done
    echo "$sum"
}

# --- nodes ------------------------------------------------------------------
nodes=()
configure() { # NUMBER NAME
    mkdir -p "$work/$2"
    cat >"$work/$2/$1.toml" <<TOML
data_directory = "$work/$2/data$1"
[log]
level = "error"
[webhook]
listen = "127.0.0.1:$((18200 + $1))"
[admin]
listen = "127.0.0.1:$((18210 + $1))"
[sink.questdb]
url = "http://127.0.0.1:17201"
table = "$2"
[sink.kafka]
brokers = "$kafka"
topic = "$2"
partitions = 12
replication = 3
TOML
}
is_ready() { curl -sf "http://127.0.0.1:$((18210 + $1))/readyz" >/dev/null; }
start_node() { # NUMBER NAME
    "$bin/meterline" run --config "$work/$2/$1.toml" >>"$work/$2/$1.log" 2>&1 &
    nodes[$1]=$!
    wait_for 60 is_ready "$1"
}
metric() { curl -sS "http://127.0.0.1:$((18210 + $1))/metrics" | awk -v name="$2" 'index($0, name " ") == 1 {printf "%.0f", $NF}'; }
has_delivered() { # NUMBER; the end of the journal in the metrics can be a second old
    local end sink
    sleep 1.1
    end=$(metric "$1" meterline_journal_next_sequence)
    for sink in questdb kafka; do
        (($(metric "$1" "meterline_sink_next_sequence{sink=\"$sink\"}") >= end)) || return 1
    done
}
is_migrated() { "$bin/meterline" migrate --config "$work/$1/1.toml" >/dev/null 2>&1; }
begin() { # NAME COUNT
    for number in $(seq "$2"); do configure "$number" "$1"; done
    wait_for 90 is_migrated "$1"
    for number in $(seq "$2"); do start_node "$number" "$1"; done
}
# Each node has meters of its own, as a load balancer by account path sends them.
post() { # NAME COUNT OPTION... : posts to all nodes at once, until all are done
    local name=$1 count=$2 number posting=()
    shift 2
    for number in $(seq "$count"); do
        "$bin/meterline-load" post --url "http://127.0.0.1:$((18200 + number))/smart-me" --connections 16 \
            --meters $((meters / count)) --devices 50 --values 8 --seed $((count * 10 + number)) --json "$@" \
            >"$work/$name/$number.json" &
        posting+=("$!")
    done
    wait "${posting[@]}"
}
sum_of() { cat "$work/$1"/*.json | grep -o "\"$2\": *[0-9]*" | awk -F: '{sum += $2} END {printf "%.0f", sum}'; }
per_million() { awk -v ms="$1" -v samples="$2" 'BEGIN {printf "%.2f", ms * 1000 / samples}'; }

# --- 1, 2 and 3 nodes ---------------------------------------------------------
for count in 1 2 3; do
    name=nodes$count
    begin "$name" "$count"
    before=($(cpu_ms "${nodes[@]}") $(cpu_ms "${brokers[@]}") $(cpu_ms "$questdb"))
    post "$name" "$count" --bodies $((bodies / count))
    for number in $(seq "$count"); do wait_for 600 has_delivered "$number"; done
    after=($(cpu_ms "${nodes[@]}") $(cpu_ms "${brokers[@]}") $(cpu_ms "$questdb"))
    samples=$(sum_of "$name" samples) rows=$(sql "SELECT count() FROM $name" | tr -d '\r')
    [[ $rows == "$samples" ]] || fail "$samples samples were answered with 200, and the table has $rows rows"
    printf '{"nodes":%d,"samples":%d,"rows":%d,"cpu_seconds_per_million":{"nodes":%s,"brokers":%s,"questdb":%s}}\n' \
        "$count" "$samples" "$rows" "$(per_million $((after[0] - before[0])) "$samples")" \
        "$(per_million $((after[1] - before[1])) "$samples")" "$(per_million $((after[2] - before[2])) "$samples")"
    kill "${nodes[@]}"
    wait "${nodes[@]}" || true
    nodes=()
done

# --- everything is killed or restarted under load -------------------------------
begin faults 2
post faults 2 --rate 50 --seconds "$faults" & posting=$!
sleep 5
kill -KILL "${nodes[1]}"
sleep 5
start_node 1 faults
kill -KILL "${brokers[1]}"
sleep 15
broker 1
for number in 1 2; do
    kill "${nodes[$number]}"
    wait "${nodes[$number]}" || true
    start_node "$number" faults
done
for number in 2 3; do
    sleep 10 # the one before is in sync again
    kill "${brokers[$number]}"
    wait "${brokers[$number]}" || true
    broker "$number"
done
wait "$posting"
for number in 1 2; do wait_for 600 has_delivered "$number"; done
samples=$(sum_of faults samples) open=$(($(sum_of faults unanswered) * 400)) rows=$(sql "SELECT count() FROM faults" | tr -d '\r')
keys=$(sql "SELECT count() FROM (SELECT DISTINCT ts, meter, obis FROM faults)" | tr -d '\r')
printf '{"faults":"node and broker killed, all restarted","seconds":%d,"samples":%d,"unanswered_at_most":%d,"rows":%d,"twice":%d}\n' \
    "$faults" "$samples" "$open" "$rows" $((rows - keys))
((rows >= samples && rows <= samples + open && rows == keys)) || fail "the table has not what was answered"
