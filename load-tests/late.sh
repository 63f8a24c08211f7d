#!/usr/bin/env bash
# The cost of late rows for QuestDB: its CPU and disk writes for the same rate of rows,
# once all in order and once with a share of them late, with a large yesterday in
# the table. Unless late rows are held back, a handful of them makes QuestDB rewrite
# whole old partitions again and again.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
    cat <<'HELP'
Usage: load-tests/late.sh [--yesterday ROWS] [--seconds S] [--flush TIME] [--late SHARE]

  --yesterday ROWS  rows of yesterday that the table has before (20000000)
  --seconds S       of each round; at least three flush periods are asked for (960)
  --flush TIME      how long the sink holds late rows (5m)
  --late SHARE      share of the bodies that are late, over 24 hours (0.01)

10,000 rows a second: 125 bodies of 10 meters with 8 values each, 1,000 meters.
A round ends when the server has applied everything, held rows too. Prints one
JSON line a round; needs release builds, Java and the servers of ./test.
HELP
}

yesterday=20000000 seconds=960 flush=5m late=0.01
while (($# > 0)); do
    case "$1" in
        --yesterday) yesterday=$2; shift 2 ;;
        --seconds) seconds=$2; shift 2 ;;
        --flush) flush=$2; shift 2 ;;
        --late) late=$2; shift 2 ;;
        -h | --help) usage; exit 0 ;;
        *) usage >&2; exit 2 ;;
    esac
done

work=$(mktemp -d)
bin=target/release
trap 'kill $(jobs -p) 2>/dev/null || true; wait; rm -rf "$work"' EXIT
tests/servers/fetch.sh >/dev/null
tests/servers/questdb.sh "$work/questdb" 17101 17102 17103 >"$work/questdb.log" 2>&1 & questdb=$!
cat > "$work/meterline.toml" <<TOML
data_directory = "$work/data"
[log]
level = "error"
[webhook]
listen = "127.0.0.1:18180"
[admin]
listen = "127.0.0.1:18181"
[sink.questdb]
url = "http://127.0.0.1:17101"
late_flush = "$flush"
TOML

sql() { curl -sS --max-time 3600 -G http://127.0.0.1:17101/exec --data-urlencode "query=$1"; }
number() { sql "$1" | sed -n 's/.*"dataset":\[\[\([0-9]*\)\]\].*/\1/p'; }
behind() { number "SELECT sequencerTxn - writerTxn FROM wal_tables() WHERE name = 'samples'"; }
applied() { until [[ $(behind) == 0 ]]; do sleep 1; done; }
rows() { number "SELECT count() FROM samples"; }
metric() { curl -sS http://127.0.0.1:18181/metrics | awk -v name="$1" 'index($1, name) == 1 {total += $2} END {printf "%.0f", total}'; }
# Everything is in the sink: no held rows, no lag behind the journal's end.
settled() {
    [[ $(metric meterline_sink_held_rows) == 0 ]] \
        && (($(metric 'meterline_sink_next_sequence{sink="questdb"}') >= $(metric meterline_journal_next_sequence)))
}
cpu_ms() { awk '{print ($14 + $15) * 10}' "/proc/$questdb/stat"; }
written() { awk '/^write_bytes/{print $2}' "/proc/$questdb/io"; }

until "$bin/meterline" migrate --config "$work/meterline.toml" >/dev/null 2>&1; do sleep 1; done
echo "loading a yesterday of $yesterday rows" >&2
midnight=$(($(date +%s) / 86400 * 86400))
step=$((86400 * 1000000000 / yesterday))
sql "INSERT INTO samples SELECT cast($(((midnight - 86400) * 1000000000)) + (x - 1) * $step AS timestamp_ns),
    to_uuid(x % 1000, 7), rnd_symbol('1-0:1.8.0*255', '1-0:2.8.0*255', '1-0:1.7.0*255', '1-0:32.7.0*255'),
    rnd_double(), 'load', cast($((midnight * 1000000000)) AS timestamp_ns), 0::short
    FROM long_sequence($yesterday)" >"$work/insert.log"
applied
[[ $(rows) == "$yesterday" ]] || { echo "the yesterday was not loaded: $(cat "$work/insert.log")" >&2; exit 1; }
"$bin/meterline" run --config "$work/meterline.toml" & meterline=$!
until curl -sf http://127.0.0.1:18181/readyz >/dev/null; do sleep 0.2; done

round() { # NAME SHARE
    local cpu bytes before accepted
    cpu=$(cpu_ms) bytes=$(written) before=$(rows)
    "$bin/meterline-load" post --url http://127.0.0.1:18180/smart-me --connections 4 --meters 1000 --devices 10 \
        --values 8 --rate 125 --seconds "$seconds" --late "$2" --seed "$3" --json >"$work/round.json"
    until settled; do sleep 1; done
    applied
    cpu=$(($(cpu_ms) - cpu)) bytes=$(($(written) - bytes))
    accepted=$(sed -n 's/.*"samples":\([0-9]*\).*/\1/p' "$work/round.json")
    printf '{"name":"%s","seconds":%d,"flush":"%s","rows_posted":%d,"rows_in_table":%d,"late_rows":%d,"server_cpu_seconds":%d.%03d,"server_mb_written":%d}\n' \
        "$1" "$seconds" "$flush" "$accepted" "$(($(rows) - before))" "$(metric meterline_sink_late_rows_total)" \
        $((cpu / 1000)) $((cpu % 1000)) $((bytes / 1000000))
}
seconds_of_round=$seconds seconds=20
round warm-up 0 1
seconds=$seconds_of_round
round "in order" 0 2
round "$late late over 24 hours" "$late" 3
