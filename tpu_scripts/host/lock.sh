#!/usr/bin/env bash
# On a host: record the installed package versions. Usage: lock.sh URL [--replace]
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=paths.sh
source "$(dirname "${BASH_SOURCE[0]}")/paths.sh"

flags=(--no-clobber)
[ "${2:-}" != --replace ] || flags=()
"$HOME/vsdpo_uv/bin/uv" pip freeze --python "$PYTHON" --exclude-editable >"$STATE/installed.txt"
gcloud storage cp --quiet ${flags[@]+"${flags[@]}"} "$STATE/installed.txt" "$1"
