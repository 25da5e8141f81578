# shellcheck shell=bash
# Python's venv module, which some distributions leave out.

install_venv_module() {
  export DEBIAN_FRONTEND=noninteractive
  apt_get update && apt_get install --yes --no-install-recommends python3-venv
}

ensure_venv_module() {
  [[ -n "${VENV_MODULE:-}" ]] || return 0
  confirm "Install python3-venv?"
  run_step "install python3-venv" install_venv_module || die "python3-venv could not be installed"
}
