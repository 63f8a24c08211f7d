#!/usr/bin/env bash
# Requests per second of ingest, against an endpoint that stores nothing, in one
# run: W1 (one device, 8 values) and W2 (50 devices of 8 values),
# 256 keep-alive connections, the sink unreachable. Needs wrk (Debian: wrk) and
# release builds: cargo build --release --workspace
# usage: load-tests/ingest.sh [SECONDS_EACH] [ROUNDS]
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-10}
rounds=${2:-3}
work=$(mktemp -d)
bin=target/release
trap 'kill $(jobs -p) 2>/dev/null || true; wait; rm -rf "$work"' EXIT

"$bin/meterline-load" body --devices 1 --values 8 > "$work/w1.bin"
"$bin/meterline-load" body --devices 50 --values 8 > "$work/w2.bin"
cat > "$work/meterline.toml" <<TOML
data_directory = "$work/data"
[log]
level = "error"
[webhook]
listen = "127.0.0.1:18080"
[admin]
listen = "127.0.0.1:18081"
[sink.questdb]
url = "http://127.0.0.1:1"
TOML

cpu() { awk '{print ($14 + $15) * 10}' "/proc/$1/stat"; } # ms, at 100 ticks a second

measure() { # NAME URL BODY PID
    local before after result
    before=$(cpu "$4")
    result=$(wrk -t1 -c256 -d"${seconds}s" --latency -s load-tests/post.lua "$2" -- "$3" | tail -n 1)
    after=$(cpu "$4")
    printf '{"name":"%s","cpu_ms":%d,"rss_kib":%d,"result":%s}\n' "$1" $((after - before)) \
        "$(awk '/VmRSS/{print $2}' "/proc/$4/status")" "$result"
}

"$bin/null-endpoint" 127.0.0.1:18090 >/dev/null & null=$!
"$bin/meterline" run --config "$work/meterline.toml" & meterline=$!
sleep 2
for ((round = 1; round <= rounds; round++)); do
    for body in w1 w2; do
        measure "null-$body" http://127.0.0.1:18090/smart-me "$work/$body.bin" "$null"
        measure "meterline-$body" http://127.0.0.1:18080/smart-me "$work/$body.bin" "$meterline"
    done
done
