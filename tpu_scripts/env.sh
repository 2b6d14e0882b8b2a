#!/usr/bin/env bash
# Check the settings that all scripts of this folder read from the environment, and print them.
#
#   tpu_scripts/env.sh [--dry-run]
#
# Needed:
#   NAME     name of the TPU slice (and of its queue entry)
#   ZONE     for instance us-east5-a
#   PROJECT  Google Cloud project id
#   ACCEL    v5e-64, v5p-32, v6e-32, v4-32, ... (Google's own v5litepod-64 works too)
#   BUCKET   gs://..., in the region of ZONE; receives the code, the logs and the run
# Optional:
#   WORKDIR       folder of the run; default BUCKET/runs/NAME, or --workdir=... of any script
#   RUNTIME       TPU VM image; default by the generation in ACCEL
#   CREATE_FLAGS  more flags for the creation, separated by spaces, e.g. "--network=mine --internal-ips"
#
# In a shell: export NAME=vsdpo ZONE=us-east5-a PROJECT=my-project ACCEL=v6e-32 BUCKET=gs://my-bucket

# shellcheck disable=SC2034  # The scripts that source this file use the variables.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

load_settings() {
  local name missing=""
  for name in NAME ZONE PROJECT ACCEL BUCKET; do
    [ -n "${!name:-}" ] || missing+=" $name"
  done
  [ -z "$missing" ] || fail "not set:$missing (export them; tpu_scripts/env.sh --help says what each is)"
  BUCKET=${BUCKET%/}
  [[ $BUCKET == gs://?* ]] || fail "BUCKET is '$BUCKET': it must start with gs://"
  WORKDIR=${WORKDIR:-$BUCKET/runs/$NAME}
  WORKDIR=${WORKDIR%/}
  # Hosts of a slice share nothing but the bucket, and a local folder is lost with a preempted machine.
  [[ $WORKDIR == gs://?* ]] || fail "workdir is '$WORKDIR': it must start with gs://"
  [[ $ACCEL != v5e-* ]] || ACCEL=v5litepod-${ACCEL#v5e-}
  RUNTIME=${RUNTIME:-$(runtime_of "$ACCEL")}
  [ -n "$RUNTIME" ] || fail "ACCEL is '$ACCEL': known are v4-N, v5e-N, v5p-N and v6e-N; set RUNTIME for another generation"
  CODE=$BUCKET/code/$NAME
  CREATE_FLAGS=${CREATE_FLAGS:-}
}

# The image that Google names for JAX on each generation (cloud.google.com/tpu/docs/runtimes).
runtime_of() {
  case $1 in
    v6e-[1-9]*) echo v2-alpha-tpuv6e ;;
    v5p-[1-9]*) echo v2-alpha-tpuv5 ;;
    v5litepod-[1-9]*) echo v2-alpha-tpuv5-lite ;;
    v4-[1-9]*) echo tpu-ubuntu2204-base ;;
  esac
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
  while [ $# -gt 0 ]; do
    common_option "$1"
    shift
  done
  load_settings
  for name in NAME ZONE PROJECT ACCEL RUNTIME BUCKET WORKDIR CODE CREATE_FLAGS; do
    printf '%s=%s\n' "$name" "$(quote "${!name}")"
  done
fi
