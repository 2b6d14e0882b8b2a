#!/usr/bin/env bash
# Start training on every host of the slice, in tmux, and return.
#
#   tpu_scripts/run.sh [--restart] [--dry-run] --config=FILE.py[:args] [--workdir=gs://...] [--config.field=value ...]
#   tpu_scripts/run.sh --stop [--dry-run]
#
#   --restart  stop training that runs there first
#   --stop     stop training: SIGTERM (the trainer saves a checkpoint), then SIGKILL after three minutes
#   --dry-run  print the commands and run nothing
#
# All other arguments go to `python -m vsdpo_jax.train` as they are. The same command with the same workdir resumes.
# Every host's output is copied to WORKDIR/logs/ each minute; status.sh shows the last lines.
# Settings: tpu_scripts/env.sh --help.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=env.sh
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"

restart=0 stop=0 config=0 arguments=()
while [ $# -gt 0 ]; do
  case $1 in
    --restart) restart=1 ;;
    --stop) stop=1 ;;
    --workdir)
      [ $# -ge 2 ] || fail "--workdir needs a value"
      WORKDIR=$2
      shift
      ;;
    --dry-run | --help | -h | --workdir=*) common_option "$1" ;;
    *)
      [[ $1 != --config && $1 != --config=* ]] || config=1
      arguments+=("$1")
      ;;
  esac
  shift
done
load_settings

if [ "$stop" = 1 ]; then
  on_hosts all "$(stop_command)"
  exit 0
fi
[ "$config" = 1 ] || fail "--config is missing: give a config file, for instance --config=configs/chart.py:size=8b"

start=$(host_command start "$WORKDIR" "$BUCKET/cache/jax" "${arguments[@]}" --workdir="$WORKDIR")
[ "$restart" = 0 ] || start="$(stop_command); $start"
on_hosts all "$start"
[ "$DRY_RUN" = 1 ] || say "started; workdir $WORKDIR, logs in $WORKDIR/logs"
