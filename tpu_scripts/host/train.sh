#!/usr/bin/env bash
# On a host, inside tmux: train, and keep a copy of the output in the bucket.
# Usage: train.sh WORKDIR CACHE [ARGUMENT of vsdpo_jax.train ...]
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=paths.sh
source "$(dirname "${BASH_SOURCE[0]}")/paths.sh"

workdir=$1 cache=$2
shift 2
log=$STATE/$(date -u +%Y%m%dT%H%M%SZ)-$(hostname).log
ln -sfn "$log" "$STATE/train.log"
stopped=0 trainer="" uploader=""

# A log that cannot be copied is no reason to end a run; the reason lies beside the log.
upload() {
  gcloud storage cp --quiet "$log" "$workdir/logs/" >/dev/null 2>"$STATE/upload_errors" || true
}

# Signals come from stop.sh, and from a machine that is being taken away.
# shellcheck disable=SC2317,SC2329  # Called by the trap.
pass_on() {
  stopped=1
  [ -z "$trainer" ] || kill -TERM "$trainer" 2>/dev/null || true
}

end() {
  [ -z "$uploader" ] || kill "$uploader" 2>/dev/null || true
  upload
  printf '%s\n' "$1" >"$STATE/exit"
  exit 0
}

trap pass_on TERM HUP INT
printf '%s\n' "$$" >"$STATE/pid"

# A TPU has one owner: the trainer inherits the lock, so a successor waits until it has really gone.
exec 9>"$STATE/lock"
if ! flock --wait 180 9; then
  echo "an earlier training still holds the TPU" >>"$log"
  end 75
fi

cd "$CHECKOUT"
export JAX_COMPILATION_CACHE_DIR=$cache PYTHONUNBUFFERED=1
printf '%s %s\n' "$(date -u +%FT%TZ)" "$*" >>"$log"
# nohup: when tmux goes down, the trainer gets SIGTERM from pass_on and not a deadly SIGHUP from the terminal.
nohup "$PYTHON" -m vsdpo_jax.train --hosts=auto "$@" >>"$log" 2>&1 </dev/null &
trainer=$!
while sleep 60; do upload; done 9>&- &
uploader=$!

# `wait` returns early when a signal comes; the trainer then still has to save its checkpoint.
status=0
wait "$trainer" || status=$?
while kill -0 "$trainer" 2>/dev/null; do
  status=0
  wait "$trainer" || status=$?
done
[ "$stopped" = 0 ] || end stopped
end "$status"
