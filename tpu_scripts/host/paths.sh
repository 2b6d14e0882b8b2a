# shellcheck shell=bash
# shellcheck disable=SC2034  # The scripts that source this file use the variables.
# Where things lie on a host. Sourced by the scripts of this folder, which run on the hosts and not on your machine.

CHECKOUT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
VENV=$HOME/vsdpo_venv
PYTHON=$VENV/bin/python
# What is known about set-up and run: outlives the checkout, which each sync replaces.
STATE=$HOME/vsdpo_state
SESSION=vsdpo

mkdir -p "$STATE"

# Training holds this lock as long as its process lives.
training_lives() {
  ! flock --nonblock "$STATE/lock" true
}
