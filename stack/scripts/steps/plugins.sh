# shellcheck shell=bash
# The compose and buildx plugins of the docker command.

plugin_dir() {
  if [[ "$(id -u)" == 0 ]]; then
    printf '/usr/local/lib/docker/cli-plugins'
  else
    printf '%s/cli-plugins' "${DOCKER_CONFIG:-$HOME/.docker}"
  fi
}

plugins_work() {
  docker compose version >/dev/null 2>&1 && docker buildx version >/dev/null 2>&1
}

# From the host's own packages, whatever they are called there.
plugins_from_host_packages() {
  [[ "$(id -u)" == 0 ]] && command -v apt-get >/dev/null || return 1
  export DEBIAN_FRONTEND=noninteractive
  local package
  for package in docker-compose-plugin docker-compose-v2 docker-buildx-plugin docker-buildx; do
    if apt-cache show "$package" >/dev/null 2>&1; then
      apt_get install --yes --no-install-recommends "$package" || true
    fi
  done
  plugins_work
}

# Debian 13's packages hold the plugins as plain files that run on older systems
# too; its base image fetches them, so no host name is written anywhere.
plugins_from_base_image() {
  local folder plugin
  folder="$(plugin_dir)"
  mkdir -p "$folder" "$STATE_DIR/plugins" || return 1
  docker run --rm --volume "$STATE_DIR/plugins:/out" "$BASE_IMAGE" bash -ec '
    apt-get update -qq
    cd /tmp
    apt-get download -qq docker-compose docker-buildx
    for package in *.deb; do dpkg-deb --extract "$package" /tmp/files; done
    find /tmp/files -type f -path "*/cli-plugins/*" -exec install -m 0755 {} /out \;' || return 1
  for plugin in docker-compose docker-buildx; do
    install -m 0755 "$STATE_DIR/plugins/$plugin" "$folder/.$plugin.partial" \
      && mv "$folder/.$plugin.partial" "$folder/$plugin" || return 1
  done
  rm -rf "$STATE_DIR/plugins"
  plugins_work
}

ensure_plugins() {
  plugins_work && return
  confirm "Install the compose and buildx plugins?"
  if run_step "compose plugin from the host's packages" try plugins_from_host_packages && plugins_work; then
    return
  fi
  ensure_base_image
  run_step "compose plugin from Debian 13's packages" plugins_from_base_image \
    || die "no compose plugin; tried the host's packages and those of Debian 13. Install Docker Compose >= 2.0 and docker-buildx by hand"
}

# try COMMAND…: run it; "not this way" is an answer, not a failure.
try() {
  "$@" || echo "not available this way"
}
