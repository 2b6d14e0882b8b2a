#!/usr/bin/env bash
# Keep a run going on a slice that may be taken away: create, set up, run, and again, until training has finished.
#
#   tpu_scripts/babysit.sh [--queued] [--spot] [--interval=S] [--max-failures=N] [--dry-run]
#                          --config=FILE.py[:args] [--workdir=gs://...] [--config.field=value ...]
#
#   --queued, --spot  as for create.sh
#   --interval=S      seconds between looks (default 60)
#   --max-failures=N  give up when set-up or training failed N times without half an hour of training between (default 3)
#   --dry-run         print the commands of one whole round and run nothing
#
# Every look: a slice that is gone is created; one that is neither READY nor on its way is deleted; on one that is READY,
# hosts without code are set up, and training that does not run is started with the same workdir, so that it resumes
# from its last checkpoint. The code is put into the bucket once, at the start: later changes to this checkout do not
# reach a run on its way. Ends with status 0 when all hosts have finished, 2 when the config or the permissions are
# refused, 1 when it gave up. Run it in tmux on a machine that stays on; to stop a run, end this script before
# run.sh --stop. Settings: tpu_scripts/env.sh --help.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=env.sh
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"

interval=60 max_failures=3 create_flags=() arguments=() config=0
while [ $# -gt 0 ]; do
  case $1 in
    --queued) QUEUED=1 ;;
    --spot) create_flags+=(--spot) ;;
    --interval=*) interval=${1#--interval=} ;;
    --max-failures=*) max_failures=${1#--max-failures=} ;;
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
[ "$config" = 1 ] || fail "--config is missing: give a config file, for instance --config=configs/chart.py:size=8b"
[[ $interval =~ ^[1-9][0-9]*$ ]] || fail "--interval needs whole seconds, not '$interval'"
[[ $max_failures =~ ^[1-9][0-9]*$ ]] || fail "--max-failures needs a whole number, not '$max_failures'"

common=(--workdir="$WORKDIR") queue=()
[ "$DRY_RUN" = 0 ] || common+=(--dry-run)
[ "$QUEUED" = 0 ] || queue+=(--queued)
# A READY slice whose hosts do not answer this many times in a row is taken for broken.
max_silent=5
failures=0 silent=0 running_seconds=""

create_slice() { "$TPU_SCRIPTS/create.sh" "${common[@]}" ${queue[@]+"${queue[@]}"} ${create_flags[@]+"${create_flags[@]}"}; }
delete_slice() { "$TPU_SCRIPTS/delete.sh" "${common[@]}" ${queue[@]+"${queue[@]}"} --yes; }
stop_training() { "$TPU_SCRIPTS/run.sh" "${common[@]}" --stop; }
set_up() { "$TPU_SCRIPTS/setup.sh" "${common[@]}" --fetch-only; }
start_training() { "$TPU_SCRIPTS/run.sh" "${common[@]}" --restart "${arguments[@]}"; }

note_failure() {
  failures=$((failures + 1))
  say "$1 (failure $failures of $max_failures)"
  [ "$failures" -lt "$max_failures" ] || give_up "too many failures: see $WORKDIR/logs"
}

give_up() {
  printf 'babysit.sh: %s\n' "$1" >&2
  exit 1
}

# Capacity comes and goes, so a creation that fails is tried again at the next look, unless it can never work.
try_to_create() {
  local errors
  errors=$(mktemp)
  if ! create_slice 2>"$errors"; then
    cat "$errors" >&2
    if is_permanent "$errors"; then
      rm -f "$errors"
      fail "the slice cannot be created: see the message above"
    fi
    say "the creation failed; trying again"
  fi
  rm -f "$errors"
}

# One word (or `failed N`) for all hosts: the state that needs the most care.
training_state() {
  local output
  output=$(on_hosts all "$(state_command "$WORKDIR" 0)") || return 1
  awk '
    $1 != "VSDPO_STATE" { next }
    { hosts++; seen[$3]++ }
    $3 == "failed" && (code == "" || $4 == 2) { code = $4 }
    END {
      if (!hosts) exit 1
      if (seen["other"]) print "other"
      else if (seen["new"]) print "new"
      else if (seen["failed"]) print "failed", code
      else if (seen["stopped"] || seen["idle"]) print "idle"
      else if (seen["running"]) print "running"
      else print "finished"
    }' <<<"$output"
}

look_at_training() {
  local state
  if ! state=$(training_state); then
    silent=$((silent + 1))
    say "the hosts do not answer ($silent of $max_silent)"
    if [ "$silent" -ge "$max_silent" ]; then
      silent=0
      delete_slice || say "the deletion failed; trying again"
    fi
    return 0
  fi
  silent=0
  say "training is $state"
  [ "$state" = running ] || running_seconds=""
  case $state in
    finished) exit 0 ;;
    running) forgive_old_failures ;;
    new) { stop_training && set_up && start_training; } || note_failure "the set-up failed" ;;
    idle) start_training || note_failure "training did not start" ;;
    "failed 2") fail "the trainer refused its arguments: see $WORKDIR/logs" ;;
    other) fail "$NAME trains another workdir: stop that first (run.sh --stop)" ;;
    *)
      note_failure "training ended with: $state"
      start_training || say "training did not start"
      ;;
  esac
}

forgive_old_failures() {
  running_seconds=${running_seconds:-0}
  running_seconds=$((running_seconds + interval))
  [ "$running_seconds" -lt 1800 ] || failures=0
}

look() {
  local state status=0
  state=$(slice_state) || status=$?
  [ "$status" != 3 ] || fail "the state of $NAME may not be read: see the message above"
  if [ "$status" != 0 ]; then
    say "the state of $NAME could not be read; trying again"
    return 0
  fi
  case $state in
    READY) look_at_training ;;
    NOT_FOUND)
      say "$NAME does not exist: creating it"
      try_to_create
      ;;
    ACCEPTED | WAITING_FOR_RESOURCES | PROVISIONING | CREATING | STARTING | RESTARTING | REIMAGING | REPAIRING | \
      STOPPING | DELETING | SUSPENDING) say "$NAME is $state: waiting" ;;
    *)
      say "$NAME is $state: deleting it"
      delete_slice || say "the deletion failed; trying again"
      ;;
  esac
}

print_round() {
  [ "$QUEUED" = 0 ] || describe_queue
  describe_vm
  delete_slice
  create_slice
  on_hosts all "$(state_command "$WORKDIR" 0)"
  stop_training
  set_up
  start_training
}

"$TPU_SCRIPTS/sync.sh" "${common[@]}" --upload-only
if [ "$DRY_RUN" = 1 ]; then
  print_round
  exit 0
fi
while true; do
  look
  sleep "$interval"
done
