# shellcheck shell=bash
# Docker Engine: install it where it is missing, start it where it does not run.
# An engine that runs is left as it is.

ENGINE_LOG=/var/log/ha-ingestor-dockerd.log

# apt_get WORDS…: wait for other package work, and finish what was interrupted.
apt_get() {
  dpkg --configure -a
  apt-get -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 "$@"
}

install_engine() {
  export DEBIAN_FRONTEND=noninteractive
  local tries=0
  # The lists' lock knows no time-out of its own; an interrupted run may hold it.
  until apt_get update; do
    tries=$((tries + 1))
    ((tries < 20)) || return 1
    sleep 5
  done
  apt_get install --yes --no-install-recommends docker.io iptables || return 1
  # Debian 13 has the command in a package of its own.
  command -v docker >/dev/null || apt_get install --yes --no-install-recommends docker-cli
}

# forget_dead FILE NAME: remove a pid file whose process is gone or is another
# program by now; an engine that was killed leaves such files and then trusts them.
forget_dead() {
  local pid
  pid="$(cat "$1" 2>/dev/null || true)"
  if [[ -n "$pid" && "$(cat "/proc/$pid/comm" 2>/dev/null)" != "$2" ]]; then
    rm -f "$1"
  fi
}

# start_engine: with the service manager where there is one, otherwise by hand and
# fully detached, so that whoever reads this script's output sees its end.
start_engine() {
  if [[ -d /run/systemd/system ]]; then
    systemctl start docker
  else
    forget_dead /var/run/docker.pid dockerd
    forget_dead /var/run/docker/containerd/containerd.pid containerd
    setsid --fork dockerd </dev/null >>"$ENGINE_LOG" 2>&1 9>&-
  fi
  local waited=0
  until docker version --format '{{.Server.Version}}' >/dev/null 2>&1; do
    waited=$((waited + 1))
    if ((waited > 120)); then
      echo "the engine does not answer after 60 s; see $ENGINE_LOG or journalctl -u docker"
      tail -n 20 "$ENGINE_LOG" 2>/dev/null
      return 1
    fi
    sleep 0.5
  done
}

ensure_engine() {
  if [[ "$ENGINE" == missing ]]; then
    confirm "Install Docker Engine (packages docker.io and iptables)?"
    run_step "install Docker Engine" install_engine || die "Docker Engine could not be installed"
    ENGINE=stopped
  fi
  if [[ "$ENGINE" == stopped ]]; then
    run_step "start Docker Engine" start_engine || die "Docker Engine did not start"
  fi
}
