#!/usr/bin/env bash
# Export a checkpoint to Hugging Face format, on the first host of the slice.
#
#   tpu_scripts/export.sh [--checkpoint=PATH] [--out=gs://...] [--fetch=FOLDER] [--dry-run]
#
#   --checkpoint=PATH  what to export; default WORKDIR, that is its last checkpoint
#   --out=gs://...     where to write; default WORKDIR/export
#   --fetch=FOLDER     also copy the result into a folder of this machine
#   --dry-run          print the commands and run nothing
#
# Works beside a training that runs: it uses the host's CPU and not its TPU. Settings: tpu_scripts/env.sh --help.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=env.sh
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"

checkpoint="" out="" folder=""
while [ $# -gt 0 ]; do
  case $1 in
    --checkpoint=*) checkpoint=${1#--checkpoint=} ;;
    --out=*) out=${1#--out=} ;;
    --fetch=*) folder=${1#--fetch=} ;;
    *) common_option "$1" ;;
  esac
  shift
done
load_settings
checkpoint=${checkpoint:-$WORKDIR} out=${out:-$WORKDIR/export}
[[ $out == gs://?* ]] || fail "--out is '$out': it must start with gs:// (use --fetch=FOLDER for a local copy)"

on_hosts 0 "$(host_command export --checkpoint="$checkpoint" --out="$out")"
if [ -n "$folder" ]; then
  run mkdir -p "$folder"
  run gcloud storage rsync --recursive "$out" "$folder"
fi
