# shellcheck shell=bash
# What every operations script needs: log, die, run_step, compose. Sourced only.

STACK_DIR="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
ROOT_DIR="$(dirname "$STACK_DIR")"
STATE_DIR="$STACK_DIR/.setup"
ENV_FILE="$STACK_DIR/.env"
STARTED=$SECONDS
VERBOSE="${VERBOSE:-0}"

# log WORDS…: one line with the seconds since the start.
log() {
  printf '[%4d s] %s\n' "$((SECONDS - STARTED))" "$*"
}

# die WORDS…: one line on stderr, exit 1.
die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# usage_error WORDS…: one line on stderr, exit 2.
usage_error() {
  printf '%s: %s (see --help)\n' "$(basename "$0")" "$*" >&2
  exit 2
}

# end_tree PID: end the process PID and what it started.
end_tree() {
  local child
  for child in $(cat "/proc/$1/task/"*/children 2>/dev/null || true); do
    end_tree "$child"
  done
  kill "$1" 2>/dev/null || true
}

# run_step TITLE COMMAND…: run it with its output in a log file; print a line when
# it starts, one every 15 s while it runs, and how long it took. On failure print
# the end of the log and where it is, and return 1.
run_step() {
  local title="$1" started=$SECONDS output status=0
  shift
  mkdir -p "$STATE_DIR/logs"
  output="$STATE_DIR/logs/$(printf '%s' "$title" | tr -cs 'A-Za-z0-9.' '-').log"
  log "$title …"
  "$@" >"$output" 2>&1 &
  STEP_PID=$!
  report_progress "$title" "$output" &
  PROGRESS_PID=$!
  wait "$STEP_PID" || status=$?
  STEP_PID=""
  end_tree "$PROGRESS_PID"
  wait "$PROGRESS_PID" 2>/dev/null || true
  PROGRESS_PID=""
  if ((VERBOSE)); then
    cat "$output"
  fi
  if ((status)); then
    log "$title: failed after $((SECONDS - started)) s; the end of $output:"
    tail -n 20 "$output" >&2
    return 1
  fi
  log "$title: done in $((SECONDS - started)) s"
}

# report_progress TITLE FILE: a line every 15 s with the newest line of FILE.
report_progress() {
  local started=$SECONDS
  while sleep 15 && kill -0 $$ 2>/dev/null; do
    log "$1 … $((SECONDS - started)) s$(latest_line "$2")"
  done
}

# latest_line FILE: ": TEXT", the last line of FILE cut to fit, or nothing.
latest_line() {
  local line
  line="$(tail -n 1 "$1" 2>/dev/null | tr -d '\r' | cut -c1-80)"
  if [[ -n "$line" ]]; then
    printf ': %s' "$line"
  fi
}

# on_exit: end a step that still runs, so that an interrupted script leaves nothing
# working behind its back.
on_exit() {
  local pid
  for pid in ${STEP_PID:-} ${PROGRESS_PID:-}; do
    end_tree "$pid"
  done
}
trap on_exit EXIT
# A failure that nobody has thought of must not end in silence.
trap 'printf "error: %s failed (%s, line %s)\n" "$BASH_COMMAND" "${BASH_SOURCE[0]}" "$LINENO" >&2' ERR
trap 'exit 130' INT
trap 'exit 143' TERM

# env_value NAME: the value of NAME in the environment file, or else in the template
# that it is made from.
env_value() {
  local file="$ENV_FILE"
  [[ -f "$file" ]] || file="$STACK_DIR/.env.${ENVIRONMENT:-production}"
  sed -n "s/^$1=//p" "$file" | tail -n 1
}
