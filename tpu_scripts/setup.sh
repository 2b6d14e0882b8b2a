#!/usr/bin/env bash
# Make every host of the slice ready to train; may be run again at any time.
#
#   tpu_scripts/setup.sh [--fetch-only] [--upgrade] [--dry-run]
#
#   --fetch-only  use the code that is in the bucket, not this checkout
#   --upgrade     take the newest packages that setup.py allows and record them
#   --dry-run     print the commands and run nothing
#
# Each host gets the code (sync.sh), Python 3.12 in a virtual environment with the package and its `tpu` extra,
# Chromium with its system libraries, and pinned fonts. The first set-up records the package versions in the bucket;
# later ones (a slice recreated after a preemption) install the same. Hosts whose fonts or packages differ would draw
# different pictures from the same code: the set-up compares them and fails.
# Settings: tpu_scripts/env.sh --help.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=env.sh
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"

sync_flags=() upgrade=0
while [ $# -gt 0 ]; do
  case $1 in
    --fetch-only) sync_flags+=(--fetch-only) ;;
    --upgrade) upgrade=1 ;;
    *) common_option "$1" ;;
  esac
  shift
done
load_settings
[ "$DRY_RUN" = 0 ] || sync_flags+=(--dry-run)

lock=$CODE/constraints.txt
if [ "$upgrade" = 1 ]; then
  install=$(host_command setup) record=$(host_command lock "$lock" --replace)
else
  install=$(host_command setup "$lock") record=$(host_command lock "$lock")
fi

# Fails unless all lines `VSDPO_FINGERPRINT HOST HASH` of the file carry one hash.
compare_hosts() {
  local hashes
  hashes=$(awk '$1 == "VSDPO_FINGERPRINT" { print $3 }' "$1" | sort | uniq -c)
  [ -n "$hashes" ] || fail "no host reported its set-up"
  [ "$(wc -l <<<"$hashes")" -eq 1 ] ||
    fail "hosts differ in fonts or packages (see the VSDPO_FINGERPRINT lines above): run setup.sh again, or recreate the slice"
}

"$TPU_SCRIPTS/sync.sh" ${sync_flags[@]+"${sync_flags[@]}"}
if [ "$DRY_RUN" = 1 ]; then
  on_hosts all "$install"
else
  output=$(mktemp)
  trap 'rm -f "$output"' EXIT
  on_hosts all "$install" | tee "$output"
  compare_hosts "$output"
fi
on_hosts 0 "$record"
