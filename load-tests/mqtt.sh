#!/usr/bin/env bash
# Cost and rate of messages from a real Mosquitto: 5,000 simulated monitors (QoS 1, 20 channels).
# Open loop: each publishes once a second. First a subscriber takes the messages that only counts, then the service does,
# with its default thinning. For each prints messages a second, CPU per message of the subscriber and of
# Mosquitto, and what was lost or repeated; for the service also the CPU without the threads that read the journal (pumps).
# Its embedded store is compared with the exact set of messages that it must keep.
# Backlog: the subscriber is stopped, a number of messages is published, and it goes on: the rate at which it takes
# them with 1,000 in flight. The service journals each of them; its only sink is away, so it is the rate up to the journal.
# Needs sqlite3 (Debian: sqlite3) and builds of this tree.
# usage: load-tests/mqtt.sh [SECONDS [MONITORS [PROGRAM]]]: 60 seconds, 5000 monitors
set -euo pipefail
export LC_ALL=C # sort and comm compare bytes
cd "$(dirname "$0")/.."
seconds=${1:-60}
monitors=${2:-5000}
program=${3:-target/release/meterline}
backlog_rounds=40
bin=$(dirname "$program")
port=18183
work=$(mktemp -d)
# A stopped process does not end by TERM.
trap 'kill $(jobs -p) 2>/dev/null || true; kill -CONT $(jobs -p) 2>/dev/null || true; wait; rm -rf "$work"' EXIT

# By default it drops messages beyond 20 in flight and 1,000 waiting.
broker_lines() { # IN_FLIGHT
    printf 'user root\nallow_anonymous true\nlistener %d 127.0.0.1\nmax_inflight_messages %d\nmax_queued_messages 0\n' "$port" "$1"
}
service_lines() { # DATA KEEP SINK
    printf 'data_directory = "%s"\n[log]\nlevel = "error"\n[webhook]\nlisten = "127.0.0.1:18080"\n' "$work/$1"
    printf '[admin]\nlisten = "127.0.0.1:18081"\n%s\n' "$3"
    printf '[[mqtt]]\nname = "monitors"\nurl = "mqtt://127.0.0.1:%d"\nkeep = "%s"\n[[mqtt.smappee]]\nall = true\n' "$port" "$2"
}
service_lines data 10s '[sink.sqlite]' >"$work/open.toml"
service_lines backlog all $'[sink.questdb]\nurl = "http://127.0.0.1:9"' >"$work/backlog.toml"

listens() { (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; }
cpu_ms() { awk '{print ($14 + $15) * 10}' "/proc/$1/stat"; }
# The threads that carry a message up to the journal: all but the pumps, which read the journal.
cpu_ms_to_journal() { cat "/proc/$1/task/"*/stat | awk '$2 !~ /^\(pump-/ {n += $14 + $15} END {print n * 10}'; }
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
        ((tries++ < 2400)) || fail "only $(received "$2") of $1 messages came"
        sleep 0.05
    done
}
per_message() { awk -v ms="$1" -v n="$2" 'BEGIN{printf "%.1f", ms * 1000 / n}'; }
ratio() { awk -v a="$1" -v b="$2" "BEGIN{printf \"$3\", a / b}"; }

# Starts the broker, a subscriber and a publisher, and waits until the subscriber has the first messages. The publisher
# goes on when the file descriptor 4 gets a line.
begin() { # SUBSCRIBER LOOP IN_FLIGHT PUBLISHER_ARGUMENTS...
    local begun
    broker_lines "$3" >"$work/mosquitto.conf"
    tests/servers/mosquitto.sh "$work/mosquitto.conf" >"$work/mosquitto.log" 2>&1 & broker=$!
    until listens; do sleep 0.1; done
    case $1 in
        count) "$bin/meterline-monitors" count "$port" >"$work/count" & ;;
        service) "$program" run --config "$work/$2.toml" & ;;
    esac
    subscriber=$!
    sleep 3
    mkfifo "$work/go.$1.$2"
    begun=$(date +%s%N)
    "$bin/meterline-monitors" "${@:4}" <"$work/go.$1.$2" >"$work/publisher.$1" & publisher=$!
    exec 4>"$work/go.$1.$2"
    until grep -qs ready "$work/publisher.$1"; do kill -0 "$publisher"; sleep 0.1; done
    # The subscriber of the service also gets the configurations.
    warm=$monitors
    [[ $1 == count ]] || warm=$((3 * monitors))
    wait_for "$warm" "$1"
    first_seconds=$(ratio $(($(date +%s%N) - begun)) 1000000000 %.1f)
    sleep 3
}

end() {
    kill "$subscriber"
    wait "$subscriber" || true
    kill "$broker"
    wait "$broker" || true
}

open_loop() { # SUBSCRIBER
    local messages broker_cpu cpu to_journal said
    begin "$1" open 0 publish "$port" "$monitors" "$seconds" "$work/expected.$1"
    broker_cpu=$(cpu_ms "$broker") cpu=$(cpu_ms "$subscriber") messages=$((monitors * seconds))
    to_journal=$(cpu_ms_to_journal "$subscriber")
    echo go >&4
    exec 4>&-
    wait "$publisher"
    wait_for $((warm + messages)) "$1"
    sleep 2
    broker_cpu=$(($(cpu_ms "$broker") - broker_cpu)) cpu=$(($(cpu_ms "$subscriber") - cpu))
    to_journal=$(($(cpu_ms_to_journal "$subscriber") - to_journal))
    said=$(sed -n 's/^published .* in/in/p' "$work/publisher.$1")
    printf '%s: %d messages %s; CPU of a message %s µs, of Mosquitto %s µs; ' "$1" "$messages" "$said" \
        "$(per_message "$cpu" "$messages")" "$(per_message "$broker_cpu" "$messages")"
    if [[ $1 == count ]]; then
        printf '%d lost, %d repeated\n' $((warm + messages - $(received count))) "$(awk 'END {print $2}' "$work/count")"
        echo "$cpu" >"$work/count.cpu"
    else
        printf '%d repeated, first configurations and messages of all taken in %s s; ' \
            $(($(received service) - warm - messages)) "$first_seconds"
    fi
    end
    [[ $1 == count ]] || compare "$cpu" "$to_journal" "$messages"
}

compare() { # CPU CPU_TO_JOURNAL MESSAGES
    local code="0-0:128.23.10*255" count
    count=$(cat "$work/count.cpu")
    sort "$work/expected.service" >"$work/expected"
    sqlite3 "$work/data/meterline.sqlite" "select ts, value from samples where obis = '$code'" | sort >"$work/stored"
    printf '%d of %d messages to keep are stored, %d lost, %d others; ' \
        "$(comm -12 "$work/expected" "$work/stored" | wc -l)" "$(wc -l <"$work/expected")" \
        "$(comm -23 "$work/expected" "$work/stored" | wc -l)" "$(comm -13 "$work/expected" "$work/stored" | wc -l)"
    printf '%s times the CPU of the count; up to the journal %s µs, %s times\n' \
        "$(ratio "$1" "$count" %.1f)" "$(per_message "$2" "$3")" "$(ratio "$2" "$count" %.1f)"
    cmp -s "$work/expected" "$work/stored" || fail "the embedded store does not hold exactly the messages to keep"
}

backlog() { # SUBSCRIBER
    local messages=$((monitors * backlog_rounds)) cpu begun rate
    begin "$1" backlog 1000 backlog "$port" "$monitors" "$backlog_rounds"
    kill -STOP "$subscriber"
    echo go >&4
    exec 4>&-
    wait "$publisher"
    cpu=$(cpu_ms_to_journal "$subscriber") begun=$(date +%s%N)
    kill -CONT "$subscriber"
    wait_for $((warm + messages)) "$1"
    rate=$(ratio $((messages * 1000000)) $((($(date +%s%N) - begun) / 1000)) %.0f)
    cpu=$(($(cpu_ms_to_journal "$subscriber") - cpu))
    printf '%s, backlog of %d: %d messages a second, CPU of a message %s µs' "$1" "$messages" "$rate" \
        "$(per_message "$cpu" "$messages")"
    if [[ $1 == count ]]; then
        echo "$rate $cpu" >"$work/backlog.count"
    else
        printf '; %s of the rate of the count, %s times its CPU' "$(ratio "$rate" "$(cut -d' ' -f1 "$work/backlog.count")" %.2f)" \
            "$(ratio "$cpu" "$(cut -d' ' -f2 "$work/backlog.count")" %.1f)"
    fi
    echo
    end
}

open_loop count
open_loop service
backlog count
backlog service
