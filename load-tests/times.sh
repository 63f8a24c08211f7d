#!/usr/bin/env bash
# Waiting times of operators and senders: a start with a small and with a large journal,
# answers to another account while one floods, and the time until a dead sink is shown.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
    cat <<'HELP'
Usage: load-tests/times.sh [start] [flood] [block] [--rounds N]

  start    from the program's start until /readyz says 200, with a journal of less
           than one segment and with one of 4 GiB, alternating
  flood    answers to an account that posts 50 bodies a second: alone, and while
           another one posts bodies of 50 devices over 192 connections as fast as
           they are answered
  block    QuestDB is killed under load: until /metrics says that the sink waits
  --rounds of each (5)

All three without a name. Prints one JSON line a measurement. Needs curl (Debian:
curl), release builds, and for `block` the servers of ./test.
HELP
}

rounds=5 wanted=()
while (($# > 0)); do
    case "$1" in
        --rounds) rounds=$2; shift 2 ;;
        -h | --help) usage; exit 0 ;;
        start | flood | block) wanted+=("$1"); shift ;;
        *) usage >&2; exit 2 ;;
    esac
done
((${#wanted[@]} > 0)) || wanted=(start flood block)

work=$(mktemp -d)
bin=target/release
trap 'kill $(jobs -p) 2>/dev/null || true; wait; rm -rf "$work"' EXIT
echo secret-of-the-load-test >"$work/password"

configure() { # DATA [TABLES]
    cat >"$work/meterline.toml" <<TOML
data_directory = "$work/$1"
[log]
level = "error"
[webhook]
listen = "127.0.0.1:18380"
[[webhook.account]]
name = "quiet"
path = "/quiet"
username = "u"
password_file = "$work/password"
[[webhook.account]]
name = "loud"
path = "/loud"
username = "u"
password_file = "$work/password"
[admin]
listen = "127.0.0.1:18381"
${2:-}
TOML
}

now_ms() { echo $(($(date +%s%N) / 1000000)); }
is_ready() { [[ $(curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1:18381/readyz) == 200 ]]; }
run() {
    "$bin/meterline" run --config "$work/meterline.toml" & meterline=$!
    until is_ready; do sleep 0.005; done
}
end() { kill "$meterline"; wait "$meterline" || true; }
flood() { # SECONDS
    "$bin/meterline-load" post --url http://127.0.0.1:18380/loud --user u --password-file "$work/password" \
        --connections 192 --devices 50 --values 8 --same-body --seconds "$1" --json
}
post_quietly() { # SECONDS
    "$bin/meterline-load" post --url http://127.0.0.1:18380/quiet --user u --password-file "$work/password" \
        --connections 4 --rate 50 --seconds "$1" --json
}

measure_start() {
    local away='[sink.questdb]
url = "http://127.0.0.1:1"'
    configure large "$away"
    run
    until (($(du -sm "$work/large/journal" | cut -f1) >= 4096)); do flood 5 >/dev/null; done
    end
    configure small "$away"
    run
    end
    for ((round = 0; round < rounds; round++)); do
        for data in small large; do
            local began
            configure "$data" "$away"
            began=$(now_ms)
            run
            printf '{"name":"start","journal_mib":%d,"ms":%d}\n' \
                "$(du -sm "$work/$data/journal" | cut -f1)" $(($(now_ms) - began))
            end
        done
    done
    rm -rf "$work/large"
}

measure_flood() {
    for ((round = 0; round < rounds; round++)); do
        rm -rf "$work/flooded"
        configure flooded '[sink.sqlite]'
        run
        printf '{"name":"quiet account, alone","result":%s}\n' "$(post_quietly 10)"
        flood 14 >"$work/flood.json" & local loud=$!
        sleep 2
        printf '{"name":"quiet account, beside a flood","result":%s,' "$(post_quietly 10)"
        wait "$loud"
        printf '"flood":%s}\n' "$(cat "$work/flood.json")"
        end
    done
}

measure_block() {
    tests/servers/fetch.sh >/dev/null
    for ((round = 0; round < rounds; round++)); do
        rm -rf "$work/blocked" "$work/questdb"
        tests/servers/questdb.sh "$work/questdb" 17201 17202 17203 >"$work/questdb.log" 2>&1 & local questdb=$!
        configure blocked '[sink.questdb]
url = "http://127.0.0.1:17201"'
        until "$bin/meterline" migrate --config "$work/meterline.toml" >/dev/null 2>&1; do sleep 0.5; done
        run
        post_quietly 6 >/dev/null & local posting=$! began
        sleep 3
        kill -KILL "$questdb"
        began=$(now_ms)
        until curl -s http://127.0.0.1:18381/metrics \
            | grep -q '^meterline_sink_state{sink="questdb",state="waiting"} 1'; do sleep 0.005; done
        printf '{"name":"block shown","ms":%d}\n' $(($(now_ms) - began))
        wait "$posting"
        end
    done
}

for name in "${wanted[@]}"; do "measure_$name"; done
