#!/usr/bin/env bash
# On a host: start training in tmux and return. Usage: start.sh WORKDIR CACHE [ARGUMENT of vsdpo_jax.train ...]
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=paths.sh
source "$(dirname "${BASH_SOURCE[0]}")/paths.sh"

if [ ! -f "$STATE/ready" ]; then
  echo "$(hostname) is not set up: run tpu_scripts/setup.sh first" >&2
  exit 1
fi
if tmux has-session -t "$SESSION" 2>/dev/null; then
  echo "training runs on $(hostname) already: stop it with tpu_scripts/run.sh --stop, or use --restart" >&2
  exit 1
fi
rm -f "$STATE/exit"
printf '%s\n' "$1" >"$STATE/workdir"
# Several words after the flags: tmux runs them as they are, without another shell.
tmux new-session -d -s "$SESSION" bash "$CHECKOUT/tpu_scripts/host/train.sh" "$@"
