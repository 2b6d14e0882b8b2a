#!/usr/bin/env bash
# On a host: install what training needs. Usage: setup.sh [URL of the recorded package versions]
# Steps that are done are not done again. Also the set-up of a container on GKE.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=paths.sh
source "$(dirname "${BASH_SOURCE[0]}")/paths.sh"

PYTHON_VERSION=3.12
UV_VERSION=0.13.9
# A trailing * admits the distribution's packaging revisions of one upstream release: the font files are the same.
FONTS=("fonts-dejavu-core=2.37-*" "fonts-liberation=1:1.07.4-*" "fonts-noto-core=20201225-*")
TOOLS=(ca-certificates curl fontconfig python3-pip tmux util-linux)

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

install_system_packages() {
  local wanted="${TOOLS[*]} ${FONTS[*]}"
  [ "$(cat "$STATE/system_packages" 2>/dev/null)" != "$wanted" ] || return 0
  # A fresh TPU VM upgrades itself in its first minutes and holds dpkg's lock meanwhile.
  echo 'DPkg::Lock::Timeout "900";' | as_root tee /etc/apt/apt.conf.d/99vsdpo >/dev/null
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends --allow-downgrades \
    "${TOOLS[@]}" "${FONTS[@]}"
  printf '%s' "$wanted" >"$STATE/system_packages"
}

# The image ships Python 3.10; uv brings its own interpreter and needs no rights for it.
create_environment() {
  local uv=$HOME/vsdpo_uv/bin/uv
  if [ "$("$uv" --version 2>/dev/null | cut -d' ' -f2)" != "$UV_VERSION" ]; then
    python3 -m pip install --quiet --upgrade --target "$HOME/vsdpo_uv" "uv==$UV_VERSION"
  fi
  [ -x "$PYTHON" ] || "$uv" venv --quiet --python "$PYTHON_VERSION" "$VENV"
}

# fetch_recorded_versions URL: empty when no set-up has recorded any.
fetch_recorded_versions() {
  : >"$STATE/constraints.txt"
  [ -n "$1" ] || return 0
  if ! gcloud storage cp --quiet "$1" "$STATE/constraints.txt" 2>"$STATE/fetch_errors"; then
    if ! grep -qiE 'matched no objects|not found' "$STATE/fetch_errors"; then
      cat "$STATE/fetch_errors" >&2
      exit 1
    fi
    : >"$STATE/constraints.txt"
  fi
}

install_package() {
  local upgrade=()
  [ -s "$STATE/constraints.txt" ] || upgrade=(--upgrade)
  "$HOME/vsdpo_uv/bin/uv" pip install --quiet --python "$PYTHON" ${upgrade[@]+"${upgrade[@]}"} \
    --constraint "$STATE/constraints.txt" --editable "${CHECKOUT}[tpu]"
}

# Playwright pins the browser's build, so the recorded package versions pin it too.
install_browser() {
  local version
  version=$("$PYTHON" -c 'from importlib.metadata import version; print(version("playwright"))')
  if [ "$(cat "$STATE/browser_libraries" 2>/dev/null)" != "$version" ]; then
    "$PYTHON" -m playwright install-deps chromium
    printf '%s' "$version" >"$STATE/browser_libraries"
  fi
  "$PYTHON" -m vsdpo_jax.render.browser --install
}

# One hash of everything that decides how a picture comes out.
fingerprint() {
  {
    fc-list --format '%{file}\n' | sort -u | tr '\n' '\0' | xargs -0 sha256sum | cut -d' ' -f1 | sort
    "$HOME/vsdpo_uv/bin/uv" pip freeze --python "$PYTHON" --exclude-editable
  } | sha256sum | cut -c1-16
}

cd "$CHECKOUT"
rm -f "$STATE/ready"
install_system_packages
create_environment
fetch_recorded_versions "${1:-}"
install_package
install_browser
"$PYTHON" -c 'import vsdpo_jax'
touch "$STATE/ready"
echo "VSDPO_FINGERPRINT $(hostname) $(fingerprint)"
