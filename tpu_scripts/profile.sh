#!/usr/bin/env bash
# Fetch the profiler traces of a run from the bucket.
#
#   tpu_scripts/profile.sh [--workdir=gs://...] [--out=FOLDER] [--dry-run]
#
#   --out=FOLDER  where to put them; default profiles/NAME
#   --dry-run     print the commands and run nothing
#
# The trainer writes traces of chosen steps to WORKDIR/profile. Look at them with
# `pip install xprof && xprof --logdir=FOLDER`. Settings: tpu_scripts/env.sh --help.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=env.sh
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"

out=""
while [ $# -gt 0 ]; do
  case $1 in
    --out=*) out=${1#--out=} ;;
    *) common_option "$1" ;;
  esac
  shift
done
load_settings
out=${out:-profiles/$NAME}

run mkdir -p "$out"
run gcloud storage rsync --recursive "$WORKDIR/profile" "$out" ||
  fail "no traces came from $WORKDIR/profile: did the run profile any step?"
[ "$DRY_RUN" = 1 ] || say "traces are in $out: xprof --logdir=$(quote "$out")"
