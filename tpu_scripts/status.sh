#!/usr/bin/env bash
# Show the state of the slice and of the training on each host.
#
#   tpu_scripts/status.sh [--queued] [--lines=N] [--workdir=gs://...] [--dry-run]
#
#   --queued   the slice was created with --queued
#   --lines=N  also show the last N lines of each host's log (default 3)
#   --dry-run  print the commands and run nothing
#
# A host is `new` (not set up), `idle`, `running`, `finished`, `stopped`, `failed N` (exit status) or `other` (it
# trains another workdir). Settings: tpu_scripts/env.sh --help.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=env.sh
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"

lines=3
while [ $# -gt 0 ]; do
  case $1 in
    --queued) QUEUED=1 ;;
    --lines=*) lines=${1#--lines=} ;;
    *) common_option "$1" ;;
  esac
  shift
done
load_settings
[[ $lines =~ ^[0-9]+$ ]] || fail "--lines needs a whole number, not '$lines'"

if [ "$DRY_RUN" = 1 ]; then
  [ "$QUEUED" = 0 ] || describe_queue
  describe_vm
  on_hosts all "$(state_command "$WORKDIR" "$lines")"
  exit 0
fi
state=$(slice_state) || fail "the state of $NAME could not be read"
say "$NAME ($ACCEL, $ZONE) is $state"
[ "$state" != READY ] || on_hosts all "$(state_command "$WORKDIR" "$lines")"
