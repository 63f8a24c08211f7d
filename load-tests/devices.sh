#!/usr/bin/env bash
# Cost of configured devices that do not answer. In a network namespace of its own, so that
# the packets to the silent ones are dropped and not refused, starts the service three times:
# without devices, with 100 that answer, and with these and 9,900 silent ones. Half are KSEM, half
# DSMR-loggers, with default intervals. For each prints the time until it is ready, memory, CPU,
# and how regularly the answering devices are polled. Needs builds of this tree.
# usage: load-tests/devices.sh [SECONDS [PROGRAM]]: measures for this time (300) after half of it
set -euo pipefail
cd "$(dirname "$0")/.."
if [[ -z ${DEVICES_NAMESPACE:-} ]]; then
    DEVICES_NAMESPACE=1 exec unshare -rn "$0" "$@"
fi
# Packets into a network that is nowhere arrive back here, and are dropped: nothing is forwarded.
ip link set lo up
ip route add 10.99.0.0/16 dev lo
seconds=${1:-300}
program=${2:-target/release/meterline}
bin=$(dirname "$program")
work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; wait; rm -rf "$work"' EXIT
printf simulated-access-token >"$work/token"

cpu_ms() { awk '{print ($14 + $15) * 10}' "/proc/$meterline/stat"; }
memory_kib() { awk -v name="$1:" '$1 == name {print $2}' "/proc/$meterline/status"; }
is_ready() {
    exec 3<>/dev/tcp/127.0.0.1/18081 || return 1
    printf 'GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' >&3
    [[ $(head -n 1 <&3) == *" 200 "* ]]
} 2>/dev/null
now_ms() { date +%s%3N; }

table() { # NUMBER KIND URL
    printf '[[%s]]\nname = "device-%s"\nurl = "%s"\n' "$2" "$1" "$3"
    [[ $2 == dsmr_logger ]] || printf 'token_file = "%s"\n' "$work/token"
}

round() { # NAME ANSWERING SILENT
    rm -rf "$work/data"
    local answering=$2 silent=$3 number kind url begun ready cpu polls
    printf 'data_directory = "%s"\n[log]\nlevel = "error"\n[webhook]\nlisten = "127.0.0.1:18080"\n' "$work/data" >"$work/$1.toml"
    printf '[admin]\nlisten = "127.0.0.1:18081"\n[sink.sqlite]\n' >>"$work/$1.toml"
    rm -f "$work/devices"
    mkfifo "$work/devices"
    "$bin/meterline-devices" "$answering" <"$work/devices" >"$work/$1.devices" & devices=$!
    exec 4>"$work/devices"
    until (($(wc -l <"$work/$1.devices") == answering)); do sleep 0.01; done
    number=0
    while read -r kind url; do
        table "$((number++))" "$kind" "$url"
    done <"$work/$1.devices" >>"$work/$1.toml"
    for ((; number < answering + silent; number++)); do
        kind=ksem
        ((number % 2 == 0)) || kind=dsmr_logger
        table "$number" "$kind" "http://10.99.$((number / 250)).$((number % 250 + 1))/"
    done >>"$work/$1.toml"
    begun=$(now_ms)
    "$program" run --config "$work/$1.toml" 2>"$work/$1.log" 4>&- & meterline=$!
    until is_ready; do kill -0 "$meterline" || { cat "$work/$1.log" >&2; exit 1; }; sleep 0.01; done
    ready=$(($(now_ms) - begun))
    sleep $((seconds / 2))
    cpu=$(cpu_ms)
    echo measure >&4
    sleep "$seconds"
    cpu=$(($(cpu_ms) - cpu))
    exec 4>&-
    wait "$devices"
    polls=$(sed -n '/^polled/p' "$work/$1.devices")
    printf '%s: ready in %d ms, %d MiB resident (at most %d), %s ms of CPU a second, %d descriptors%s\n' "$1" "$ready" \
        $(($(memory_kib VmRSS) / 1024)) $(($(memory_kib VmHWM) / 1024)) \
        "$(awk -v c="$cpu" -v s="$seconds" 'BEGIN{printf "%.1f", c / s}')" \
        "$(find "/proc/$meterline/fd" | wc -l)" "${polls:+, $polls}"
    kill "$meterline"
    wait "$meterline"
}

round "no devices" 0 0
round "100 that answer" 100 0
round "100 that answer and 9900 silent" 100 9900
