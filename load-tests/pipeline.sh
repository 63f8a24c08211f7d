#!/usr/bin/env bash
# CPU and memory of the whole pipeline: webhook, journal, QuestDB and Kafka, all
# on this machine. Posts W1 (one device, 8 values) and W2 (50 devices of 8 values)
# over 256 connections with wrk and W1 over 16 connections with the simulated
# fleet, waits until both sinks have everything, and prints the service's
# CPU-seconds per million samples; then takes both sinks away, for the memory.
# Needs wrk (Debian: wrk), release builds and the servers of ./test (it fetches
# them when missing).
# usage: load-tests/pipeline.sh [SECONDS_EACH [PROGRAM]]; run it in turn with
# another build's PROGRAM to compare both
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-15}
work=$(mktemp -d)
bin=target/release
program=${2:-$bin/meterline}
trap 'kill $(jobs -p) 2>/dev/null || true; wait; rm -rf "$work"' EXIT

tests/servers/fetch.sh >/dev/null
tests/servers/questdb.sh "$work/questdb" 17001 17002 17003 >"$work/questdb.log" 2>&1 & questdb=$!
tests/servers/kafka.sh "$work/kafka" 17011 17012 >"$work/kafka.log" 2>&1 & kafka=$!
cat > "$work/meterline.toml" <<TOML
data_directory = "$work/data"
[log]
level = "error"
[webhook]
listen = "127.0.0.1:18080"
[admin]
listen = "127.0.0.1:18081"
[sink.questdb]
url = "http://127.0.0.1:17001"
[sink.kafka]
brokers = "127.0.0.1:17011"
TOML
until "$program" migrate --config "$work/meterline.toml" >/dev/null 2>&1; do sleep 1; done
"$program" run --config "$work/meterline.toml" & meterline=$!
sleep 2

cpu_ms() { awk '{print ($14 + $15) * 10}' "/proc/$meterline/stat"; }
rss_kib() { awk '/VmRSS/{print $2}' "/proc/$meterline/status"; }
sum() { # FAMILY
    exec 3<>/dev/tcp/127.0.0.1/18081
    printf 'GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' >&3
    awk -v family="$1" 'index($1, family "{") == 1 {total += $2} END {printf "%.0f", total}' <&3
    exec 3>&-
}
drained() { [[ $(sum meterline_sink_lag_records) == 0 ]]; }

post_wrk() { # BODY
    wrk -t1 -c256 -d"${seconds}s" --latency -s load-tests/post.lua http://127.0.0.1:18080/smart-me -- "$work/$1.bin"
}
post_fleet() { # DEVICES
    "$bin/meterline-load" post --url http://127.0.0.1:18080/smart-me --connections 16 --devices "$1" \
        --values 8 --seconds "$seconds" --json
}

round() { # NAME COMMAND...
    local name=$1 cpu samples
    shift
    cpu=$(cpu_ms) samples=$(sum meterline_samples_total)
    "$@" >"$work/round.log"
    until drained; do sleep 0.2; done
    cpu=$(($(cpu_ms) - cpu)) samples=$(($(sum meterline_samples_total) - samples))
    printf '{"name":"%s","samples":%d,"cpu_seconds_per_million_samples":%s,"rss_kib":%d}\n' "$name" "$samples" \
        "$(awk -v c="$cpu" -v s="$samples" 'BEGIN{printf "%.2f", c / 1000 / s * 1e6}')" "$(rss_kib)"
}

"$bin/meterline-load" body --devices 1 --values 8 > "$work/w1.bin"
"$bin/meterline-load" body --devices 50 --values 8 > "$work/w2.bin"
round warm-up post_wrk w1
round "w1, 256 connections" post_wrk w1
round "w2, 256 connections" post_wrk w2
round "w1, 16 connections" post_fleet 1
kill "$questdb" "$kafka"
round_away() {
    "$bin/meterline-load" post --url http://127.0.0.1:18080/smart-me --connections 16 --devices 50 --values 8 \
        --rate 200 --seconds "$seconds" --json >"$work/away.json"
    printf '{"name":"both sinks away","lag_records":%d,"rss_kib":%d}\n' "$(sum meterline_sink_lag_records)" "$(rss_kib)"
}
round_away
