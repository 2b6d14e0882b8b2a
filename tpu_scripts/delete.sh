#!/usr/bin/env bash
# Delete the TPU slice NAME. Nothing in the bucket is touched.
#
#   tpu_scripts/delete.sh [--queued] [--yes] [--dry-run]
#
#   --queued   the slice was created with --queued: delete the queue entry and its TPU VM
#   --yes      do not ask
#   --dry-run  print the commands and run nothing
#
# Settings: tpu_scripts/env.sh --help.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=env.sh
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"

flags=()
while [ $# -gt 0 ]; do
  case $1 in
    --queued) QUEUED=1 ;;
    --yes) flags+=(--quiet) ;;
    *) common_option "$1" ;;
  esac
  shift
done
load_settings

if [ "$QUEUED" = 1 ]; then
  # Without --force an entry whose TPU VM still exists is refused.
  queued_resource delete --force ${flags[@]+"${flags[@]}"}
else
  tpu_vm delete ${flags[@]+"${flags[@]}"}
fi
