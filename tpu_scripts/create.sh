#!/usr/bin/env bash
# Create the TPU slice NAME: at once, or through the queue.
#
#   tpu_scripts/create.sh [--queued] [--spot] [--dry-run]
#
#   --queued   ask for a queued resource: it waits until there is capacity (status.sh --queued shows where it stands)
#   --spot     cheaper, and may be taken away at any time: see babysit.sh
#   --dry-run  print the commands and run nothing
#
# Settings: tpu_scripts/env.sh --help.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=env.sh
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"

spot=0
while [ $# -gt 0 ]; do
  case $1 in
    --queued) QUEUED=1 ;;
    --spot) spot=1 ;;
    *) common_option "$1" ;;
  esac
  shift
done
load_settings

flags=(--accelerator-type="$ACCEL")
[ "$spot" = 0 ] || flags+=(--spot)
read -r -a more <<<"$CREATE_FLAGS"
flags+=(${more[@]+"${more[@]}"})
if [ "$QUEUED" = 1 ]; then
  queued_resource create --node-id="$NAME" --runtime-version="$RUNTIME" "${flags[@]}"
else
  tpu_vm create --version="$RUNTIME" "${flags[@]}"
fi
