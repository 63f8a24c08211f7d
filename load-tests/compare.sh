#!/usr/bin/env bash
# Compares ingest's cost of two builds: both builds of meterline, in turn, with the same
# bodies, W1 (one device, 8 values) and W2 (50 devices of 8 values).
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
    cat <<'HELP'
Usage: load-tests/compare.sh BEFORE AFTER [--data DIR] [--seconds S] [--rounds N]

  BEFORE, AFTER  two programs (target/release/meterline of two trees)
  --data DIR     where the data directories are made (/dev/shm: without a disk, so
                 that its stalls do not count; give a directory to measure with one)
  --seconds S    length of each measurement (5)
  --rounds N     measurements of each program with each body (12)

256 keep-alive connections, the sink unreachable, as in ingest.sh. Prints one JSON line
a measurement (the process's CPU a request), then the medians and their ratio. Needs
wrk (Debian: wrk) and a release build of this tree.
HELP
}

data=/dev/shm seconds=5 rounds=12 programs=()
while (($# > 0)); do
    case "$1" in
        --data) data=$2; shift 2 ;;
        --seconds) seconds=$2; shift 2 ;;
        --rounds) rounds=$2; shift 2 ;;
        -h | --help) usage; exit 0 ;;
        -*) usage >&2; exit 2 ;;
        *) programs+=("$1"); shift ;;
    esac
done
((${#programs[@]} == 2)) || { usage >&2; exit 2; }

work=$(mktemp -d "$data/meterline-compare.XXXXXX")
trap 'kill $(jobs -p) 2>/dev/null || true; wait; rm -rf "$work"' EXIT
target/release/meterline-load body --devices 1 --values 8 >"$work/w1.bin"
target/release/meterline-load body --devices 50 --values 8 >"$work/w2.bin"

cpu_ms() { awk '{print ($14 + $15) * 10}' "/proc/$1/stat"; }
started=()
start() { # NUMBER PROGRAM: a fresh directory each time, so that both begin alike
    local port=$((18280 + 2 * $1))
    rm -rf "$work/data-$1"
    cat >"$work/$1.toml" <<TOML
data_directory = "$work/data-$1"
[log]
level = "error"
[webhook]
listen = "127.0.0.1:$port"
[admin]
listen = "127.0.0.1:$((port + 1))"
[journal]
cap = "6GiB"
[sink.questdb]
url = "http://127.0.0.1:1"
TOML
    "$2" run --config "$work/$1.toml" &
    started[$1]=$!
    until (exec 3<>"/dev/tcp/127.0.0.1/$((port + 1))") 2>/dev/null; do sleep 0.1; done
}

measure() { # NUMBER BODY
    local port=$((18280 + 2 * $1)) before requests
    before=$(cpu_ms "${started[$1]}")
    requests=$(wrk -t1 -c256 -d"${seconds}s" -s load-tests/post.lua "http://127.0.0.1:$port/smart-me" -- "$work/$2.bin" \
        | tail -n 1 | sed 's/.*"requests":\([0-9]*\).*/\1/')
    awk -v c=$(($(cpu_ms "${started[$1]}") - before)) -v r="$requests" 'BEGIN {printf "%.2f\n", c * 1000 / r}' \
        | tee -a "$work/$1-$2.txt" | sed "s/.*/{\"program\":$1,\"body\":\"$2\",\"cpu_us_a_request\":&}/"
}

for ((round = 0; round < rounds; round++)); do
    for body in w1 w2; do
        # The order changes from round to round.
        for turn in 0 1; do
            number=$(((round + turn) % 2))
            start "$number" "${programs[$number]}"
            measure "$number" "$body"
            kill "${started[$number]}"
            wait "${started[$number]}" || true
        done
    done
done

median() { sort -n "$1" | awk '{v[NR] = $1} END {print (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2}'; }
for body in w1 w2; do
    awk -v body="$body" -v a="$(median "$work/0-$body.txt")" -v b="$(median "$work/1-$body.txt")" \
        'BEGIN {printf "{\"body\":\"%s\",\"before_us\":%.2f,\"after_us\":%.2f,\"ratio\":%.3f}\n", body, a, b, b / a}'
done
