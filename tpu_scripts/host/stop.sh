#!/usr/bin/env bash
# On a host: stop training. SIGTERM lets the trainer save a checkpoint; after three minutes comes SIGKILL.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=paths.sh
source "$(dirname "${BASH_SOURCE[0]}")/paths.sh"

if training_lives && [ -f "$STATE/pid" ]; then
  kill -TERM "$(cat "$STATE/pid")" 2>/dev/null || true
  if ! flock --wait 180 "$STATE/lock" true; then
    pkill -KILL -P "$(cat "$STATE/pid")" || true
    flock --wait 10 "$STATE/lock" true || {
      echo "training on $(hostname) cannot be stopped: recreate the slice" >&2
      exit 1
    }
  fi
fi
tmux kill-session -t "$SESSION" 2>/dev/null || true
