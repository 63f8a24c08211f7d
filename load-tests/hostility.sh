#!/usr/bin/env bash
# Hostile peers beside honest senders. Starts the service with the embedded store and two accounts. For each attack an
# honest sender posts 20 bodies a second in an open loop, over 8 connections, while the other account's peers attack
# (load-tests/src/hostile.rs). Prints for each attack the honest bodies that were answered 200, the latency of their
# answers, the most resident memory, and descriptors and threads when it is over; after each round how these grew
# since the start. Needs builds of this tree.
# usage: load-tests/hostility.sh [SECONDS [ROUNDS [PROGRAM]]]: each attack for this time (60), the number of rounds (2)
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-60} rounds=${2:-2}
program=${3:-target/release/meterline}
bin=$(dirname "$program")
work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; wait; rm -rf "$work"' EXIT
printf correct-horse >"$work/password"

{
    printf 'data_directory = "%s"\n[log]\nlevel = "error"\n[webhook]\nlisten = "127.0.0.1:18080"\n' "$work/data"
    printf '[admin]\nlisten = "127.0.0.1:18081"\n[sink.sqlite]\n'
    for account in honest other; do
        printf '[[webhook.account]]\nname = "%s"\npath = "/%s"\nusername = "u"\npassword_file = "%s"\n' \
            "$account" "$account" "$work/password"
    done
} >"$work/meterline.toml"
"$program" run --config "$work/meterline.toml" 2>"$work/log" & meterline=$!

is_ready() {
    exec 3<>/dev/tcp/127.0.0.1/18081 || return 1
    printf 'GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' >&3
    [[ $(head -n 1 <&3) == *" 200 "* ]]
} 2>/dev/null
memory_kib() { awk -v name="$1:" '$1 == name {print $2}' "/proc/$meterline/status"; }
descriptors() { find "/proc/$meterline/fd" | wc -l; }
threads() { find "/proc/$meterline/task" -maxdepth 1 | wc -l; }
post() { "$bin/meterline-load" post --url http://127.0.0.1:18080/honest --user u --password-file "$work/password" \
    --connections 8 --rate 20 --seconds "$1"; }

attack() { # NAME CONNECTIONS
    echo 5 >"/proc/$meterline/clear_refs" # VmHWM counts from here
    "$bin/meterline-hostile" "$1" --address 127.0.0.1:18080 --path /other --user u --password-file "$work/password" \
        --connections "$2" --seconds "$((seconds + 5))" >"$work/attack" & local attackers=$!
    sleep 3
    post "$seconds" >"$work/honest"
    wait "$attackers"
    sleep 3
    printf '%s: %s; honest: %s; at most %d MiB resident; afterwards %d MiB, %d descriptors, %d threads\n' "$1" \
        "$(cat "$work/attack")" "$(paste -sd';' "$work/honest" | sed 's/;/, /g')" $(($(memory_kib VmHWM) / 1024)) \
        $(($(memory_kib VmRSS) / 1024)) "$(descriptors)" "$(threads)"
}

until is_ready; do kill -0 "$meterline" || { cat "$work/log" >&2; exit 1; }; sleep 0.1; done
post 10 >/dev/null
sleep 3
before="$(memory_kib VmRSS) $(descriptors) $(threads)"
for ((round = 1; round <= rounds; round++)); do
    attack idle 10000
    attack handshakes 1000
    attack heads 1000
    attack bodies 500
    attack bombs 50
    attack flood 256
    for frames in resets settings pings continuations; do attack "$frames" 50; done
    read -r kib open tasks <<<"$before"
    printf 'after round %d: %+d MiB, %+d descriptors, %+d threads since the start\n' "$round" \
        $((($(memory_kib VmRSS) - kib) / 1024)) $(($(descriptors) - open)) $(($(threads) - tasks))
done
kill "$meterline"
wait "$meterline"
