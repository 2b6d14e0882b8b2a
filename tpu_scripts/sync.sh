#!/usr/bin/env bash
# Copy this checkout to every host of the slice: one tarball through the bucket.
#
#   tpu_scripts/sync.sh [--upload-only | --fetch-only] [--dry-run]
#
#   --upload-only  put the code into the bucket and leave the hosts alone
#   --fetch-only   give the hosts the code that is in the bucket already
#   --dry-run      print the commands and run nothing
#
# Hosts on which training runs refuse: stop it first (run.sh --stop). Packages are not installed: setup.sh does that.
# Settings: tpu_scripts/env.sh --help.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=env.sh
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"

upload=1 fetch=1
while [ $# -gt 0 ]; do
  case $1 in
    --upload-only) fetch=0 ;;
    --fetch-only) upload=0 ;;
    *) common_option "$1" ;;
  esac
  shift
done
load_settings
[ "$upload$fetch" != 00 ] || fail "--upload-only and --fetch-only exclude each other"

tarball=$CODE/vsdpo_jax.tar.gz

upload_code() {
  local folder=FOLDER
  if [ "$DRY_RUN" = 0 ]; then
    folder=$(mktemp -d)
    # shellcheck disable=SC2064  # The folder of now is meant.
    trap "rm -rf '$folder'" EXIT
  fi
  # COPYFILE_DISABLE: macOS would add files of its own to the tarball.
  run env COPYFILE_DISABLE=1 tar -czf "$folder/vsdpo_jax.tar.gz" -C "$(dirname "$TPU_SCRIPTS")" \
    --exclude=__pycache__ --exclude='*.egg-info' setup.py pyproject.toml vsdpo_jax configs tpu_scripts
  run gcloud storage cp --quiet "$folder/vsdpo_jax.tar.gz" "$tarball"
}

# Unpacked beside the old code and then moved, so that an interrupted copy leaves the old code in place.
fetch_command() {
  # shellcheck disable=SC2016  # Expanded on the host.
  printf 'set -e; if tmux has-session -t vsdpo 2>/dev/null; then %s; exit 1; fi; ' \
    'echo "training runs on $(hostname): stop it with tpu_scripts/run.sh --stop" >&2'
  printf 'gcloud storage cp --quiet %s vsdpo_jax.tar.gz; ' "$(quote "$tarball")"
  printf 'rm -rf vsdpo_jax.new; mkdir vsdpo_jax.new; tar -xzf vsdpo_jax.tar.gz -C vsdpo_jax.new; '
  printf 'rm -rf vsdpo_jax; mv vsdpo_jax.new vsdpo_jax'
}

[ "$upload" = 0 ] || upload_code
[ "$fetch" = 0 ] || on_hosts all "$(fetch_command)"
