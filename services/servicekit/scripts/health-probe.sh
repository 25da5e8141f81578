#!/usr/bin/env bash
# health-probe URL: exit 0 if it answers 200, for health checks; else one line says why.
# It is started every few seconds, and a Python interpreter costs forty times as much:
# more than an idle service itself.
set -uo pipefail

readonly SECONDS_TO_WAIT=3 MOST_CHARACTERS=2000

fail() {
  printf '%s: %s\n' "$url" "$1"
  exit 1
}

if [[ $# -ne 1 ]]; then
  echo "usage: health-probe URL" >&2
  exit 2
fi
url=$1
[[ $url =~ ^http://([^/:]+):([0-9]+)(/.*)?$ ]] || fail "not an http:// address with a port"
host=${BASH_REMATCH[1]} port=${BASH_REMATCH[2]} path=${BASH_REMATCH[3]:-/}

{ exec 3<> "/dev/tcp/$host/$port"; } 2> /dev/null || fail "no connection"
# A service that hangs up at once is told in a line too, not by a signal.
trap '' PIPE
{ printf 'GET %s HTTP/1.0\r\nHost: %s\r\n\r\n' "$path" "$host" >&3; } 2> /dev/null \
  || fail "no answer"
{ read -r -t "$SECONDS_TO_WAIT" _ status _ <&3; } 2> /dev/null || fail "no answer"
[[ $status == 200 ]] && exit 0

while IFS= read -r -t "$SECONDS_TO_WAIT" line <&3 && [[ $line != $'\r' ]]; do :; done
IFS= read -r -d '' -t "$SECONDS_TO_WAIT" -n "$MOST_CHARACTERS" body <&3
read -ra words <<< "${body//$'\n'/ }"
fail "$status ${words[*]}"
