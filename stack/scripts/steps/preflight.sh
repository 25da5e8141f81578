# shellcheck shell=bash
# Look at the host and change nothing: every problem in one list, each with its fix.

PROBLEMS=()
WARNINGS=()

problem() {
  PROBLEMS+=("$1"$'\n'"      fix: $2")
}

warning() {
  WARNINGS+=("$1")
}

# version_at_least HAVE WANT
version_at_least() {
  [[ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" == "$2" ]]
}

check_size() {
  local cores memory disk where
  cores="$(nproc)"
  memory="$(awk '/^MemTotal:/ {print int($2 / 1024)}' /proc/meminfo)"
  where=/var/lib/docker
  [[ -d "$where" ]] || where=/var/lib
  disk="$(df -Pm "$where" | awk 'NR == 2 {print $4}')"
  FACTS+=("cores $cores" "memory $memory MB" "free disk $disk MB ($where)")
  # docs/REQUIREMENTS.md; 3,800 because 4 GB machines report a little less.
  if ((cores < ${PREFLIGHT_MIN_CORES:-2})); then
    problem "$cores core(s), at least ${PREFLIGHT_MIN_CORES:-2} are needed" \
      "use a larger machine, or lower the CPU limits in stack/.env and set PREFLIGHT_MIN_CORES=$cores"
  fi
  if ((memory < ${PREFLIGHT_MIN_MEMORY_MB:-3800})); then
    problem "$memory MB of memory, at least ${PREFLIGHT_MIN_MEMORY_MB:-3800} are needed" \
      "add memory, or lower the memory limits in stack/.env and set PREFLIGHT_MIN_MEMORY_MB=$memory"
  fi
  if ((disk < ${PREFLIGHT_MIN_DISK_MB:-20000})); then
    problem "$disk MB free in $where, at least ${PREFLIGHT_MIN_DISK_MB:-20000} are needed" \
      "free some space (docker system df shows what images take), or set PREFLIGHT_MIN_DISK_MB=$disk"
  fi
}

check_kernel() {
  local cgroup=none
  if [[ -f /sys/fs/cgroup/cgroup.controllers ]]; then
    cgroup=v2
  elif [[ -d /sys/fs/cgroup/memory ]]; then
    cgroup=v1
  fi
  FACTS+=("kernel $(uname -r)" "architecture $(uname -m)" "cgroup $cgroup")
  if [[ "$(uname -s)" != Linux ]]; then
    problem "this is $(uname -s), not Linux" "run it on a Linux host or in a Linux virtual machine"
  fi
  if [[ "$cgroup" == none ]]; then
    problem "no memory controller under /sys/fs/cgroup, so limits cannot hold" \
      "mount cgroup v2 (or v1 with the memory controller) and start again"
  fi
}

# engine_installed: all of it; an interrupted installation counts as none.
engine_installed() {
  command -v dockerd >/dev/null && command -v containerd >/dev/null && command -v iptables >/dev/null || return 1
  if command -v dpkg >/dev/null; then
    [[ -z "$(dpkg --audit 2>/dev/null)" ]] || return 1
  fi
}

check_engine() {
  local version
  if version="$(docker version --format '{{.Server.Version}}' 2>/dev/null)" && [[ -n "$version" ]]; then
    ENGINE=running
    FACTS+=("engine $version (running)")
    if ! version_at_least "$version" 20.10; then
      problem "Docker Engine $version, at least 20.10 is needed" "update the engine with your distribution's packages"
    fi
  elif [[ -S /var/run/docker.sock ]] && docker version 2>&1 | grep -qi 'permission denied'; then
    ENGINE=denied
    problem "the engine runs, but $(id -un) may not use it" \
      "add the user to the group docker (usermod -aG docker $(id -un)) and log in again, or run as root"
  elif engine_installed; then
    ENGINE=stopped
    FACTS+=("engine installed, not running")
    require_root "start Docker Engine"
  else
    ENGINE=missing
    FACTS+=("engine missing")
    require_root "install Docker Engine"
    if ! command -v apt-get >/dev/null; then
      problem "no Docker Engine, and no apt-get to install one" \
        "install Docker Engine >= 20.10 with this distribution's packages and start it"
    fi
  fi
}

check_compose() {
  local version
  if version="$(docker compose version --short 2>/dev/null)" && [[ -n "$version" ]]; then
    COMPOSE=present
    FACTS+=("compose $version")
    if ! version_at_least "${version#v}" 2.0; then
      problem "Docker Compose $version, at least 2.0 is needed" "update the compose plugin"
    fi
  else
    COMPOSE=missing
    FACTS+=("compose missing")
  fi
  if docker buildx version >/dev/null 2>&1; then
    BUILDX=present
  else
    BUILDX=missing
  fi
}

require_root() {
  if [[ "$(id -u)" != 0 ]]; then
    problem "root is needed to ${1,}" "run this script as root (sudo), or have somebody ${1,} first"
  fi
}

# check_port NAME DEFAULT: a port of ours that somebody else listens on.
check_port() {
  local port address owner
  port="$(env_value "$1")"
  port="${port:-$2}"
  address="$(env_value BIND_ADDRESS)"
  address="${address:-127.0.0.1}"
  [[ "$port" == 0 ]] && return
  if [[ ! "$port" =~ ^[0-9]+$ ]] || ((port > 65535)); then
    problem "$1=$port is no port" "set $1 in stack/.env to a number from 0 to 65535"
    return
  fi
  owner="$(docker ps --filter "publish=$port" --format '{{.Label "com.docker.compose.project"}}' 2>/dev/null | head -n 1 || true)"
  [[ -n "$owner" && "$owner" == "$(env_value COMPOSE_PROJECT_NAME)" ]] && return
  if ! python3 "$STACK_DIR/scripts/steps/port_is_free.py" "$address" "$port" 2>/dev/null; then
    report_conflict "port $port on $address is in use${owner:+ by the compose project $owner}" \
      "stop what listens there, or set $1 in stack/.env to a free port (0 lets the engine choose)"
  fi
}

check_subnet() {
  local subnet clash project
  subnet="$(env_value STACK_SUBNET)"
  project="$(env_value COMPOSE_PROJECT_NAME)"
  if ! clash="$(python3 "$STACK_DIR/scripts/steps/subnet_clash.py" "${subnet:-172.20.0.0/16}" "${project}_ha-ingestor-network" 2>&1)"; then
    report_conflict "$clash" \
      "set STACK_SUBNET in stack/.env to a network that is free, for example 172.28.0.0/24"
  fi
}

# The suites choose free ports and subnets themselves: for them it is a remark.
report_conflict() {
  if ((WITH_TESTS)); then
    warning "$1 (the test stacks use others)"
  else
    problem "$1" "$2"
  fi
}

check_python() {
  if ! command -v python3 >/dev/null || ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    problem "no python3 >= 3.11" "install Python 3.11 or newer"
  elif ((WITH_TESTS)) && ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
    # Debian and its relatives have them in a package of their own.
    VENV_MODULE=missing
    FACTS+=("python without venv")
    if ! command -v apt-get >/dev/null; then
      problem "python3 cannot make virtual environments" "install the package that has Python's venv and ensurepip"
    else
      require_root "install python3-venv"
    fi
  fi
}

preflight() {
  local item
  FACTS=()
  check_python
  check_size
  check_kernel
  check_engine
  check_compose
  if command -v python3 >/dev/null; then
    check_port INFLUXDB_PORT 8086
    check_port ADMIN_PORT 8080
    check_subnet
  fi
  log "preflight: $(IFS=,; printf '%s' "${FACTS[*]}" | sed 's/,/, /g')"
  for item in "${WARNINGS[@]}"; do
    log "preflight: remark: $item"
  done
  if ((${#PROBLEMS[@]})); then
    printf '\n%d problem(s); nothing was changed:\n' "${#PROBLEMS[@]}" >&2
    for item in "${PROBLEMS[@]}"; do
      printf '  - %s\n' "$item" >&2
    done
    exit 1
  fi
}
