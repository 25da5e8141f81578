# shellcheck shell=bash
# Every image, in this order: present, pulled, from a bundle, built from packages.

BASE_IMAGE=ha-ingestor/debian:trixie
PYTHON_IMAGE=ha-ingestor/python:3.13
INFLUXDB_IMAGE=influxdb:2.7.12
HOMEASSISTANT_IMAGE=ha-ingestor/homeassistant:2026.2.3
CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt

image_present() {
  docker image inspect "$1" >/dev/null 2>&1
}

# Asked once per run, for a short time: a registry that is out of reach must not
# cost one time-out per image.
registry_answers() {
  if [[ "$IMAGES" == build ]]; then
    return 1
  fi
  if [[ -z "${REGISTRY:-}" ]]; then
    # The first line of a pull comes as soon as the registry has answered; only grep's
    # verdict counts, because it ends the pull by no longer listening.
    if grep -m 1 -q -e 'Pulling from' -e 'up to date' < <(timeout 15 docker pull debian:trixie-slim 2>&1 || true); then
      REGISTRY=answers
    else
      REGISTRY=silent
      log "images: no registry answers"
    fi
  fi
  [[ "$REGISTRY" == answers ]]
}

not_found() {
  local tried="present locally"
  [[ "$IMAGES" == build ]] || tried+=", docker pull"
  [[ -z "$BUNDLE" ]] || tried+=", the bundle $BUNDLE"
  [[ "$IMAGES" == pull ]] || tried+=", building from packages"
  die "no image $1; tried: $tried. Load it by hand (setup.sh --bundle FILE) or see $STATE_DIR/logs"
}

# build_image TAG WORDS…: build with the host's certificates as a secret that does
# not end up in the image.
build_image() {
  local tag="$1"
  shift
  local secret=()
  if [[ -s "$CA_BUNDLE" ]]; then
    secret=(--secret "id=ca,src=$CA_BUNDLE")
  fi
  DOCKER_BUILDKIT=1 docker build --progress=plain "${secret[@]}" --tag "$tag" "$@"
}

# debootstrap into a folder of its own; what an interrupted run left is removed.
build_base_image() {
  local folder
  if ! command -v debootstrap >/dev/null; then
    export DEBIAN_FRONTEND=noninteractive
    apt_get update && apt_get install --yes --no-install-recommends debootstrap || return 1
  fi
  for folder in "$STATE_DIR"/rootfs.*; do
    remove_rootfs "$folder"
  done
  folder="$(mktemp --directory "$STATE_DIR/rootfs.XXXXXX")"
  debootstrap --variant=minbase --include=ca-certificates trixie "$folder" || return 1
  tar --directory "$folder" --create \
    --exclude='./var/cache/apt/archives/*.deb' --exclude='./var/lib/apt/lists/*' \
    --exclude='./usr/share/doc/*' --exclude='./usr/share/man/*' \
    --exclude='./usr/share/locale/*' --exclude='./usr/share/info/*' \
    . | docker import --change 'CMD ["bash"]' - "$BASE_IMAGE" || return 1
  remove_rootfs "$folder"
}

# remove_rootfs FOLDER: a killed debootstrap may have left its proc and sys mounted.
remove_rootfs() {
  local mounted
  [[ -d "$1" ]] || return 0
  while read -r mounted; do
    umount --lazy "$mounted" || return 1
  done < <(awk -v at="$1/" 'index($2, at) == 1 {print $2}' /proc/mounts | sort -r)
  rm -rf --one-file-system "$1"
}

pull_base_image() {
  docker pull debian:trixie-slim && docker tag debian:trixie-slim "$BASE_IMAGE"
}

ensure_base_image() {
  image_present "$BASE_IMAGE" && return
  if registry_answers; then
    if run_step "base image: pull debian:trixie-slim" pull_base_image; then
      return
    fi
  fi
  [[ "$IMAGES" != pull ]] || not_found "$BASE_IMAGE"
  [[ "$(id -u)" == 0 ]] || die "the base image can only be built by root; run setup.sh as root once, or load a bundle"
  run_step "base image: build from Debian 13's packages" build_base_image || not_found "$BASE_IMAGE"
}

ensure_influxdb_image() {
  image_present "$INFLUXDB_IMAGE" && return
  if registry_answers; then
    if run_step "InfluxDB: pull $INFLUXDB_IMAGE" docker pull "$INFLUXDB_IMAGE"; then
      return
    fi
  fi
  [[ "$IMAGES" != pull ]] || not_found "$INFLUXDB_IMAGE"
  ensure_base_image
  run_step "InfluxDB: build 2.7.12 from its Go module (4 to 12 minutes)" \
    build_image "$INFLUXDB_IMAGE" --build-arg "BASE_IMAGE=$BASE_IMAGE" "$STACK_DIR/docker/influxdb" \
    || not_found "$INFLUXDB_IMAGE"
}

# source_digest PATH…: one digest over the files an image is made from.
source_digest() {
  (cd "$ROOT_DIR" && find "$@" -type f -not -path '*/tests/*' -not -name '*.pyc' \
    -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -d' ' -f1)
}

# ensure_own_image TAG DOCKERFILE PATH…: build unless an image of the same sources
# and the same base is there.
ensure_own_image() {
  local tag="$1" dockerfile="$2" digest have
  shift 2
  digest="$(source_digest "$dockerfile" "$@")-$(docker image inspect --format '{{.Id}}' "$PYTHON_IMAGE-build" | cut -c8-19)"
  have="$(docker image inspect --format '{{index .Config.Labels "io.ha-ingestor.sources"}}' "$tag" 2>/dev/null || true)"
  [[ "$have" == "$digest" ]] && return
  run_step "image $tag" build_image "$tag" --label "io.ha-ingestor.sources=$digest" \
    --build-arg "PYTHON_IMAGE=$PYTHON_IMAGE" --file "$ROOT_DIR/$dockerfile" "$ROOT_DIR" \
    || die "image $tag could not be built"
}

ensure_python_image() {
  local target digest have
  digest="$(source_digest constraints.txt stack/docker/python)-$(docker image inspect --format '{{.Id}}' "$BASE_IMAGE" | cut -c8-19)"
  for target in runtime build; do
    have="$(docker image inspect --format '{{index .Config.Labels "io.ha-ingestor.sources"}}' "$PYTHON_IMAGE-$target" 2>/dev/null || true)"
    [[ "$have" == "$digest" ]] && continue
    run_step "image $PYTHON_IMAGE-$target" build_image "$PYTHON_IMAGE-$target" --target "$target" \
      --label "io.ha-ingestor.sources=$digest" --build-arg "BASE_IMAGE=$BASE_IMAGE" \
      --file "$STACK_DIR/docker/python/Dockerfile" "$ROOT_DIR" || die "image $PYTHON_IMAGE-$target could not be built"
  done
}

load_bundle() {
  run_step "load $BUNDLE" docker load --input "$BUNDLE" || die "$BUNDLE is no bundle of images; make one with setup.sh --save-bundle FILE"
}

# bundle_images: the tags that this run has made sure of.
bundle_images() {
  printf '%s\n' "$BASE_IMAGE" "$PYTHON_IMAGE-runtime" "$PYTHON_IMAGE-build" "$INFLUXDB_IMAGE" \
    "ha-ingestor/websocket-ingestion:$VERSION" "ha-ingestor/enrichment-pipeline:$VERSION" "ha-ingestor/admin-api:$VERSION"
  if ((WITH_TESTS)); then
    printf '%s\n' "ha-ingestor/simulator:$VERSION" "$HOMEASSISTANT_IMAGE"
  fi
}

write_bundle() {
  local tags=()
  mapfile -t tags < <(bundle_images)
  docker save "${tags[@]}" | gzip >"$SAVE_BUNDLE.partial" && mv "$SAVE_BUNDLE.partial" "$SAVE_BUNDLE"
}

ensure_images() {
  local service
  VERSION="$(env_value HA_INGESTOR_VERSION)"
  VERSION="${VERSION:-0.1.0}"
  [[ -z "$BUNDLE" ]] || load_bundle
  ensure_base_image
  ensure_python_image
  ensure_influxdb_image
  for service in websocket-ingestion enrichment-pipeline admin-api; do
    ensure_own_image "ha-ingestor/$service:$VERSION" "stack/docker/$service/Dockerfile" \
      services/servicekit "services/$service"
  done
  if ((WITH_TESTS)); then
    ensure_own_image "ha-ingestor/simulator:$VERSION" stack/docker/simulator/Dockerfile \
      suites/simulator
    ensure_own_image "$HOMEASSISTANT_IMAGE" stack/docker/homeassistant/Dockerfile stack/docker/homeassistant
  fi
  if [[ -n "$SAVE_BUNDLE" ]]; then
    run_step "save the images to $SAVE_BUNDLE" write_bundle || die "the bundle could not be written"
  fi
}
