"""A preempted process saves while its main thread is busy, and ends with status 0 in time."""

import os
import signal
import subprocess
import sys
import time

import pytest

PROGRAM = """
import sys, time
from vsdpo_jax.preemption import Preemption

def save():
    print("saving", flush=True)
    return "saved"

with Preemption() as preempted:
    {body}
print("went on", flush=True)
"""
# Inside of C code that never returns to Python, as in a long computation of the device.
BUSY = "preempted.on_signal(save); print('ready', flush=True); import _thread; l = _thread.allocate_lock(); l.acquire()"
BUSY = BUSY + "; l.acquire(True)"
LEAVES = """preempted.on_signal(save); print('ready', flush=True)
    try:
        while True:
            time.sleep(0.01)
            preempted.leave_if_called()
    finally:
        print('closed', flush=True)"""
UPDATING = """preempted.on_signal(save)
    with preempted.undisturbed():
        print('ready', flush=True)
        end = time.monotonic() + 1
        while time.monotonic() < end:
            time.sleep(0.01)
        print('updated', flush=True)
    while True:
        preempted.leave_if_called()
        time.sleep(0.01)"""
STARTING = """print('ready', flush=True)
    while True:
        time.sleep(0.01)"""
FAILING = """preempted.on_signal(lambda: 1 / 0); print('ready', flush=True)
    while True:
        time.sleep(0.01)
        preempted.leave_if_called()"""

# As one of several hosts: it agrees with them at every turn, and they with it.
AGREEING = """pass
asked = []
def agree(mine):
    asked.append(mine)
    return mine or len(asked) == {limit}
with Preemption(agree) as preempted:
    preempted.on_signal(save); print('ready', flush=True)
    try:
        while True:
            time.sleep(0.01)
            preempted.leave_if_called()
    finally:
        print('called here' if asked[-1] else 'called elsewhere', flush=True)"""


def preempt(body):
    """(status, output, seconds) of a program that gets SIGTERM once it is ready."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(body=body)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    ready = process.stdout.readline()
    assert ready == "ready\n", ready + process.communicate()[0]
    started = time.monotonic()
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=60)
    return process.returncode, output.splitlines(), time.monotonic() - started


def test_a_main_thread_that_never_comes_back_does_not_hold_it_up():
    status, output, seconds = preempt(BUSY)
    assert status == 0 and output == ["saving", "", "saved"]
    assert seconds < 25  # of the 30 that a preempted virtual machine is given


def test_a_main_thread_that_can_leave_closes_everything():
    status, output, _ = preempt(LEAVES)
    assert status == 0
    assert sorted(output) == ["", "closed", "saved", "saving"]
    assert output.index("saving") < output.index("closed")


def test_an_update_is_not_cut_in_two():
    status, output, _ = preempt(UPDATING)
    assert status == 0 and output[:2] == ["updated", "saving"]


def test_with_several_hosts_the_main_thread_saves_when_all_have_agreed():
    status, output, seconds = preempt(AGREEING.replace("{limit}", "10**9"))
    assert status == 0 and output == ["saving", "", "saved", "called here"] and seconds < 5


def test_with_several_hosts_another_one_may_be_called():
    program = PROGRAM.format(body=AGREEING.replace("{limit}", "5"))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["ready", "saving", "called elsewhere"] and done.stderr == "\nsaved\n"


def test_there_is_nothing_to_save_at_first():
    status, output, _ = preempt(STARTING)
    assert status == 0 and "before the first step" in output[-1]


def test_a_save_that_fails_is_no_success():
    status, output, _ = preempt(FAILING)
    assert status == 1 and any("ZeroDivisionError" in line for line in output)


def test_the_signal_is_given_back():
    from vsdpo_jax.preemption import Preemption

    before = signal.getsignal(signal.SIGTERM)
    with Preemption() as preempted:
        preempted.leave_if_called()
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before
    received = []
    previous = signal.signal(signal.SIGUSR1, lambda *_: received.append(1))
    with Preemption():
        os.kill(os.getpid(), signal.SIGUSR1)  # other signals are none of its business
        time.sleep(0.05)
    signal.signal(signal.SIGUSR1, previous)
    assert received == [1]


@pytest.fixture(autouse=True)
def _no_leftovers():
    yield
    assert signal.set_wakeup_fd(-1) == -1
