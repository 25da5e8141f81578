#!/usr/bin/env bash
# Make a host ready for the stack: engine, compose, images, secrets, stack/.env.
# Safe to run again at any time; a second run takes seconds and changes nothing.
set -Eeuo pipefail

# shellcheck source=stack/scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
for step in preflight engine plugins python images secrets; do
  # shellcheck source=/dev/null
  source "$STACK_DIR/scripts/steps/$step.sh"
done

usage() {
  cat <<'TEXT'
Usage: setup.sh [options]

Makes this host ready for the stack. Looks at the host first and changes nothing
before that look has found no problem.

  --environment NAME   production (default) or development: what stack/.env is made from
  --env-file FILE      another environment file than stack/.env
  --images WAY         auto (default): present, pulled, from the bundle, built from packages
                       pull: never build base images; build: never ask a registry
  --bundle FILE        load images from FILE first (made by --save-bundle)
  --save-bundle FILE   save all images to FILE at the end
  --with-tests         also the images that only the suites need
  --dry-run            look, say what would be done, change nothing
  --yes                do not ask before installing anything
  --verbose            show the output of every step
  --help               this text

Exit codes: 0 ready; 1 a problem was found or a step failed; 2 wrong usage.
Logs of the steps: stack/.setup/logs
TEXT
}

# confirm QUESTION: yes by --yes or by an answer on a terminal, otherwise an error.
confirm() {
  local answer
  ((YES)) && return
  [[ -t 0 ]] || die "$1 Run setup.sh with --yes to agree"
  read -r -p "$1 [y/N] " answer
  [[ "$answer" == [yY]* ]] || die "not agreed, so nothing more was done"
}

value_of() {
  [[ $# -ge 2 && -n "$2" ]] || usage_error "$1 needs a value"
  printf '%s' "$2"
}

parse_options() {
  ENVIRONMENT=production IMAGES=auto BUNDLE="" SAVE_BUNDLE="" WITH_TESTS=0 DRY_RUN=0 YES=0
  while (($#)); do
    case "$1" in
      --environment) ENVIRONMENT="$(value_of "$@")" && shift ;;
      --env-file) ENV_FILE="$(value_of "$@")" && shift ;;
      --images) IMAGES="$(value_of "$@")" && shift ;;
      --bundle) BUNDLE="$(value_of "$@")" && shift ;;
      --save-bundle) SAVE_BUNDLE="$(value_of "$@")" && shift ;;
      --with-tests) WITH_TESTS=1 ;;
      --dry-run) DRY_RUN=1 ;;
      --yes) YES=1 ;;
      --verbose) VERBOSE=1 ;;
      --help | -h) usage && exit 0 ;;
      *) usage_error "unknown option $1" ;;
    esac
    shift
  done
  [[ "$IMAGES" =~ ^(auto|pull|build)$ ]] || usage_error "--images takes auto, pull or build, not $IMAGES"
  [[ "$ENVIRONMENT" =~ ^(production|development)$ ]] || usage_error "--environment takes production or development, not $ENVIRONMENT"
  [[ -z "$BUNDLE" || -r "$BUNDLE" ]] || usage_error "--bundle: cannot read $BUNDLE"
}

plan() {
  local image
  [[ "$ENGINE" == running ]] || log "would: $([[ "$ENGINE" == missing ]] && echo 'install and ')start Docker Engine"
  [[ -z "${VENV_MODULE:-}" ]] || log "would: install python3-venv"
  [[ "$COMPOSE" == present && "$BUILDX" == present ]] || log "would: install the compose and buildx plugins"
  VERSION="$(env_value HA_INGESTOR_VERSION)"
  while read -r image; do
    image_present "$image" || log "would: get image $image"
  done < <(bundle_images)
  [[ -f "$ENV_FILE" ]] || log "would: make $ENV_FILE from .env.$ENVIRONMENT"
  log "dry run: nothing was changed"
}

# only_one: two set-ups at a time would get into each other's way. What a killed
# run left working holds the lock too, and is waited for.
only_one() {
  mkdir -p "$STATE_DIR"
  exec 9>"$STATE_DIR/lock"
  if ! flock --nonblock 9; then
    log "waiting for another setup.sh, or for what a killed one left working"
    flock --timeout 1200 9 || die "another setup.sh has been running for 20 minutes; end it and start again"
  fi
}

main() {
  parse_options "$@"
  preflight
  if ((DRY_RUN)); then
    plan
    exit 0
  fi
  only_one
  ensure_engine
  ensure_venv_module
  ensure_env_file
  ensure_secrets
  ensure_plugins
  ensure_images
  next_steps
  log "ready"
}

main "$@"
