#!/usr/bin/env bash
# On a host: export a checkpoint. Usage: export.sh --checkpoint=PATH --out=PATH
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=paths.sh
source "$(dirname "${BASH_SOURCE[0]}")/paths.sh"

cd "$CHECKOUT"
# On one host of many the TPU would wait for the others, and training may hold it.
JAX_PLATFORMS=cpu exec "$PYTHON" -m vsdpo_jax.export "$@"
