#!/bin/bash
# The steps inside of the chroot of check.sh.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive PATH=/usr/sbin:/usr/bin:/sbin:/bin
readonly CONFIG=/etc/meterline/meterline.toml DATA=/var/lib/meterline

fail() { echo "package: $*" >&2; exit 1; }

# As the unit does: its user, its directory, and its own copies of the secrets.
start() {
    install -d -o meterline -g meterline -m 0700 "$DATA" /run/credentials
    for secret in /etc/meterline/credentials/*; do
        install -o meterline -g meterline -m 0400 "$secret" "/run/credentials/credentials_$(basename "$secret")"
    done
    CREDENTIALS_DIRECTORY=/run/credentials setpriv --reuid=meterline --regid=meterline --clear-groups \
        /usr/bin/meterline run --config "$CONFIG" >>/tmp/service.log 2>&1 &
    service=$!
    for _ in {1..300}; do
        answer /readyz | grep -q ' 200 ' && return
        kill -0 "$service" 2>/dev/null || break
        sleep 0.1
    done
    tail -n 20 /tmp/service.log >&2
    fail "the service is not ready"
}

stop() {
    kill -TERM "$service"
    wait "$service" || fail "the service ended with $?"
}

# The first line of an answer of the built-in page's listener.
answer() { # PATH
    exec 3<>/dev/tcp/127.0.0.1/8081 || return 1
    printf 'GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' "$1" >&3
    head -n 1 <&3
} 2>/dev/null

# A number as eight bytes, the least first.
bytes_of() { # NUMBER
    local byte number=$1
    for _ in 1 2 3 4 5 6 7 8; do
        printf -v byte '\\x%02x' $((number & 255))
        printf '%b' "$byte"
        number=$((number >> 8))
    done
}

# One reading of meter 0707...: 1-0:1.8.0*255 = 8.5, now (proto/meterline/v1/reading.proto).
reading() {
    printf '\x0a\x2e'
    printf '\x0a\x10\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07'
    printf '\x11'; bytes_of "$(date +%s%N)"
    printf '\x5a\x11\x0a\x06\x01\x00\x01\x08\x00\xff\x11\x00\x00\x00\x00\x00\x00\x21\x40'
}

post() {
    reading >/tmp/body
    exec 3<>/dev/tcp/127.0.0.1/8080
    printf 'POST /a HTTP/1.1\r\nHost: a\r\nAuthorization: Basic %s\r\nContent-Length: %s\r\nConnection: close\r\n\r\n' \
        "$(printf 'meterline:%s' "$(cat /etc/meterline/credentials/a.password)" | base64)" "$(stat -c %s /tmp/body)" >&3
    cat /tmp/body >&3
    local line
    read -r line <&3
    [[ $line == *" 200 "* ]] || fail "a reading was answered: $line"
}

# Readings in the journal, by the program that is installed now.
must_have() { # NUMBER
    local found
    found=$(meterline decode --journal --source a --json --config "$CONFIG" | grep -c '"value":8.5')
    [[ $found == "$1" ]] || fail "$found readings, not $1"
}

version_is() { # SUFFIX
    [[ $(dpkg-query -W -f '${Version}' meterline) == *-"$1" ]] || fail "another version is installed"
}

dpkg -i /old.deb
version_is 1
[[ $(getent passwd meterline) == *:/var/lib/meterline:* ]] || fail "there is no user"
[[ $(stat -c %a:%U /etc/meterline/credentials) == 700:root ]] || fail "other users can read the secrets"
for file in man/man1/meterline-run.1.gz bash-completion/completions/meterline doc/meterline/examples/meterline.example.toml; do
    [[ -s /usr/share/$file ]] || fail "$file is missing"
done
meterline check --config "$CONFIG" >/dev/null || fail "the configuration of the package is not accepted"

echo "a secret of this test" | tr ' ' - >/etc/meterline/credentials/a.password
chmod 0600 /etc/meterline/credentials/a.password
cat >>"$CONFIG" <<'TOML'
[[webhook.account]]
name = "a"
path = "/a"
username = "meterline"
password_file = "/etc/meterline/credentials/a.password"
format = "meterline"
TOML
start
post
stop
must_have 1

dpkg -i /new.deb
version_is 2
grep -q 'path = "/a"' "$CONFIG" || fail "the upgrade replaced the configuration"
start
post
stop
must_have 2

# An upgrade beneath a running service, which is restarted afterwards.
start
dpkg -i /old.deb
version_is 1
post
stop
start
post
stop
must_have 4

dpkg -r meterline
[[ ! -e /usr/bin/meterline && -e $CONFIG && -d $DATA/journal ]] || fail "a removal leaves the wrong files"
dpkg -i /new.deb
start
post
stop
must_have 5

dpkg -P meterline
[[ ! -e $CONFIG && -d $DATA/journal && -e /etc/meterline/credentials/a.password ]] \
    || fail "a purge leaves the wrong files"
dpkg -i /new.deb
meterline journal --data "$DATA" >/dev/null || fail "the journal is not readable after a purge"
! grep -rqF "$(cat /etc/meterline/credentials/a.password)" /tmp/service.log "$DATA" || fail "the password is written somewhere"
echo "installed, upgraded, rolled back, removed and purged: 5 readings are kept"
