# shellcheck shell=bash
# Shared by the scripts of this folder: help, dry runs, quoting, gcloud calls. Sourced through env.sh.
# shellcheck disable=SC2034  # The scripts use the variables.
# shellcheck disable=SC2016  # Some strings are expanded on the hosts.

TPU_SCRIPTS=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# Where the code lies on the hosts, relative to the home folder in which ssh starts.
HOST_SCRIPTS=vsdpo_jax/tpu_scripts/host
DRY_RUN=0
QUEUED=0

# One line on stderr, and exit status 2.
fail() {
  printf '%s: %s\n' "$(basename "$0")" "$*" >&2
  exit 2
}

say() {
  printf '%s %s\n' "$(date -u +%H:%M:%S)" "$*"
}

# The comment at the top of the running script is its help.
show_help() {
  awk 'NR > 1 { if (!/^#/) exit; sub(/^# ?/, ""); print }' "$0"
  exit 0
}

# Options that every script has; the scripts try their own first.
common_option() {
  case $1 in
    --dry-run) DRY_RUN=1 ;;
    --help | -h) show_help ;;
    --workdir=*) WORKDIR=${1#--workdir=} ;;
    *) fail "unknown option $1: see --help" ;;
  esac
}

# Arguments as words of a POSIX shell, so that another shell (the host's, over ssh) reads them back unchanged.
quote() {
  local word text="" apostrophe="'" escaped="'\\''"
  for word in "$@"; do
    case $word in
      "" | *[!A-Za-z0-9_@%+=:,./-]*) word="'${word//$apostrophe/$escaped}'" ;;
    esac
    text+="${text:+ }$word"
  done
  printf '%s' "$text"
}

# Runs a command after showing it on stderr; in a dry run, prints it on stdout instead.
run() {
  if [ "$DRY_RUN" = 1 ]; then
    printf '%s\n' "$(quote "$@")"
  else
    printf '+ %s\n' "$(quote "$@")" >&2
    "$@"
  fi
}

# tpu_vm VERB [FLAG...]
tpu_vm() {
  run gcloud compute tpus tpu-vm "$1" "$NAME" --zone="$ZONE" --project="$PROJECT" "${@:2}"
}

# queued_resource VERB [FLAG...]
queued_resource() {
  run gcloud compute tpus queued-resources "$1" "$NAME" --zone="$ZONE" --project="$PROJECT" "${@:2}"
}

# on_hosts WORKER COMMAND: WORKER is an index or `all`; COMMAND is one string for the hosts' shell.
on_hosts() {
  tpu_vm ssh --worker="$1" --quiet --command="$2"
}

# host_command SCRIPT [ARGUMENT...]: the string that runs host/SCRIPT.sh there.
host_command() {
  local script=$HOST_SCRIPTS/$1.sh
  printf 'if [ ! -f %s ]; then echo "$(hostname) is not set up: run tpu_scripts/setup.sh first" >&2; exit 1; fi; ' "$script"
  quote bash "$script" "${@:2}"
}

# The state of every host's training, also of hosts that have no code yet: lines `VSDPO_STATE HOST STATE`.
state_command() {
  local script=$HOST_SCRIPTS/state.sh
  printf 'if [ ! -f %s ]; then echo "VSDPO_STATE $(hostname) new"; exit 0; fi; ' "$script"
  quote bash "$script" "$@"
}

stop_command() {
  local script=$HOST_SCRIPTS/stop.sh
  printf 'if [ -f %s ]; then %s; fi' "$script" "$(quote bash "$script")"
}

describe_vm() {
  tpu_vm describe '--format=value(state)'
}

describe_queue() {
  queued_resource describe '--format=value(state.state)'
}

# ask DESCRIBE: the state that DESCRIBE prints, or NOT_FOUND. Errors that time will not mend end the script;
# others (a network that is down, a server error) are shown and returned as failure.
ask() {
  local answer errors
  errors=$(mktemp)
  if answer=$("$1" 2>"$errors"); then
    rm -f "$errors"
    printf '%s\n' "$answer"
  elif grep -q NOT_FOUND "$errors"; then
    rm -f "$errors"
    echo NOT_FOUND
  else
    cat "$errors" >&2
    local permanent=0
    is_permanent "$errors" && permanent=1
    rm -f "$errors"
    [ "$permanent" = 0 ] || return 3
    return 1
  fi
}

is_permanent() {
  grep -qE 'PERMISSION_DENIED|UNAUTHENTICATED|INVALID_ARGUMENT|do not currently have an active account' "$1"
}

# The state of the slice: of its queue entry while that is not ACTIVE, else of its TPU VM.
slice_state() {
  local state
  if [ "$QUEUED" = 1 ]; then
    state=$(ask describe_queue) || return $?
    if [ "$state" != ACTIVE ]; then
      printf '%s\n' "$state"
      return 0
    fi
  fi
  ask describe_vm
}
