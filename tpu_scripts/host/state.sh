#!/usr/bin/env bash
# On a host: print `VSDPO_STATE HOST STATE` for training in WORKDIR. Usage: state.sh WORKDIR LINES-OF-THE-LOG
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=paths.sh
source "$(dirname "${BASH_SOURCE[0]}")/paths.sh"

workdir=$1 lines=$2

current_state() {
  local live=0
  if training_lives || tmux has-session -t "$SESSION" 2>/dev/null; then live=1; fi
  if [ ! -f "$STATE/ready" ]; then
    echo new
  elif [ "$(cat "$STATE/workdir" 2>/dev/null)" != "$workdir" ]; then
    if [ "$live" = 1 ]; then echo other; else echo idle; fi
  elif [ -f "$STATE/exit" ]; then
    case $(cat "$STATE/exit") in
      0) echo finished ;;
      stopped) echo stopped ;;
      *) echo "failed $(cat "$STATE/exit")" ;;
    esac
  elif [ "$live" = 1 ]; then
    echo running
  else
    # No exit status was written: the machine went down under the training.
    echo stopped
  fi
}

echo "VSDPO_STATE $(hostname) $(current_state)"
if [ "$lines" != 0 ] && [ -f "$STATE/train.log" ]; then
  tail -n "$lines" "$STATE/train.log" | sed "s/^/  /"
fi
