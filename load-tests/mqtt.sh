#!/usr/bin/env bash
# Cost of a message from a real Mosquitto: 5,000 simulated monitors publish once a second (QoS 1, 20
# channels), open loop. First a subscriber takes them that only counts, then the service does, with its
# default thinning. For each prints messages a second, CPU per message of the subscriber and of
# Mosquitto, and what was lost or repeated. The service's embedded store is compared with the exact set of
# messages that it must keep. Needs sqlite3 (Debian: sqlite3) and builds of this tree.
# usage: load-tests/mqtt.sh [SECONDS [MONITORS [PROGRAM]]]: 60 seconds, 5000 monitors
set -euo pipefail
export LC_ALL=C # sort and comm compare bytes
cd "$(dirname "$0")/.."
seconds=${1:-60}
monitors=${2:-5000}
program=${3:-target/release/meterline}
bin=$(dirname "$program")
port=18183
work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; wait; rm -rf "$work"' EXIT

# By default it drops messages beyond 20 in flight and 1,000 waiting.
printf 'user root\nallow_anonymous true\nlistener %d 127.0.0.1\nmax_inflight_messages 0\nmax_queued_messages 0\n' \
    "$port" >"$work/mosquitto.conf"
printf 'data_directory = "%s"\n[log]\nlevel = "error"\n[webhook]\nlisten = "127.0.0.1:18080"\n' "$work/data" >"$work/service.toml"
printf '[admin]\nlisten = "127.0.0.1:18081"\n[sink.sqlite]\n' >>"$work/service.toml"
printf '[[mqtt]]\nname = "monitors"\nurl = "mqtt://127.0.0.1:%d"\n[[mqtt.smappee]]\nall = true\n' "$port" >>"$work/service.toml"

listens() { (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; }
cpu_ms() { awk '{print ($14 + $15) * 10}' "/proc/$1/stat"; }
metric() { # SERIES
    exec 3<>/dev/tcp/127.0.0.1/18081
    printf 'GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' >&3
    awk -v series="$1" '$1 == series {n = $2} END {printf "%.0f", n}' <&3
    exec 3>&-
}
fail() { echo "$1" >&2; exit 1; }
# Messages that the default thinning leaves out are counted, too.
received() {
    case $1 in
        count) awk 'END {print $1 + 0}' "$work/count" ;;
        service) metric 'meterline_mqtt_messages_total{source="monitors",qos="1"}' ;;
    esac
}
wait_for() { # NUMBER SUBSCRIBER
    local tries=0
    until (($(received "$2") >= $1)); do
        ((tries++ < 1200)) || fail "only $(received "$2") of $1 messages came"
        sleep 0.1
    done
}
per_message() { awk -v ms="$1" -v n="$2" 'BEGIN{printf "%.1f", ms * 1000 / n}'; }

round() { # SUBSCRIBER
    local broker subscriber publisher warm messages broker_cpu cpu said
    tests/servers/mosquitto.sh "$work/mosquitto.conf" >"$work/mosquitto.log" 2>&1 & broker=$!
    until listens; do sleep 0.1; done
    case $1 in
        count) "$bin/meterline-monitors" count "$port" >"$work/count" & ;;
        service) "$program" run --config "$work/service.toml" & ;;
    esac
    subscriber=$!
    sleep 3
    mkfifo "$work/go.$1"
    "$bin/meterline-monitors" publish "$port" "$monitors" "$seconds" "$work/expected.$1" \
        <"$work/go.$1" >"$work/publisher.$1" & publisher=$!
    exec 4>"$work/go.$1"
    until grep -qs ready "$work/publisher.$1"; do kill -0 "$publisher"; sleep 0.1; done
    # The subscriber of the service also gets the configurations.
    warm=$monitors
    [[ $1 == count ]] || warm=$((3 * monitors))
    wait_for "$warm" "$1"
    sleep 3
    broker_cpu=$(cpu_ms "$broker") cpu=$(cpu_ms "$subscriber") messages=$((monitors * seconds))
    echo go >&4
    exec 4>&-
    wait "$publisher"
    wait_for $((warm + messages)) "$1"
    sleep 2
    broker_cpu=$(($(cpu_ms "$broker") - broker_cpu)) cpu=$(($(cpu_ms "$subscriber") - cpu))
    said=$(sed -n 's/^published .* in/in/p' "$work/publisher.$1")
    printf '%s: %d messages %s; CPU of a message %s µs, of Mosquitto %s µs; ' "$1" "$messages" "$said" \
        "$(per_message "$cpu" "$messages")" "$(per_message "$broker_cpu" "$messages")"
    if [[ $1 == count ]]; then
        printf '%d lost, %d repeated\n' $((warm + messages - $(received count))) "$(awk 'END {print $2}' "$work/count")"
        echo "$cpu" >"$work/count.cpu"
    else
        printf '%d repeated, ' $(($(received service) - warm - messages))
    fi
    kill "$subscriber"
    wait "$subscriber" || true
    kill "$broker"
    wait "$broker" || true
    if [[ $1 == service ]]; then compare "$cpu"; fi
}

compare() { # CPU
    local code="0-0:128.23.10*255"
    sort "$work/expected.service" >"$work/expected"
    sqlite3 "$work/data/meterline.sqlite" "select ts, value from samples where obis = '$code'" | sort >"$work/stored"
    printf '%d of %d messages to keep are stored, %d lost, %d others; %s times the CPU of the count\n' \
        "$(comm -12 "$work/expected" "$work/stored" | wc -l)" "$(wc -l <"$work/expected")" \
        "$(comm -23 "$work/expected" "$work/stored" | wc -l)" "$(comm -13 "$work/expected" "$work/stored" | wc -l)" \
        "$(awk -v a="$1" -v b="$(cat "$work/count.cpu")" 'BEGIN{printf "%.1f", a / b}')"
    cmp -s "$work/expected" "$work/stored" || fail "the embedded store does not hold exactly the messages to keep"
}

round count
round service
