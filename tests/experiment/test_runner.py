"""Runs beside each other, with small programs in place of training."""

import os
import signal
import sys
import threading
import time

import pytest

from vsdpo_jax.experiment.plan import Plan, Run
from vsdpo_jax.experiment.result_file import FILE, ResultFile
from vsdpo_jax.experiment.runner import Runner

# Says that it has begun, waits for as many others as its second argument names, and saves itself when it is stopped.
PROGRAM = """
import pathlib, signal, sys, time
folder = pathlib.Path(sys.argv[1])
def leave(*_):
    (folder / "saved").touch()
    sys.exit(0)
signal.signal(signal.SIGTERM, leave)
(folder / "begun").touch()
while len(list(folder.parents[2].rglob("begun"))) < int(sys.argv[2]):
    time.sleep(0.01)
(folder / "summary.json").write_text('{"steps": 1, "before": {}, "after": {}}')
"""


def small_runs(monkeypatch, beside: int) -> Plan:
    def command(self, workdir, steps, overrides):
        return [sys.executable, "-c", PROGRAM, str(workdir), str(beside)]

    monkeypatch.setattr(Run, "command", command)
    return Plan(("chart",), ("grpo", "sdpo", "visual_sdpo"), (0,), 1)


def runner_of(plan: Plan, runs) -> Runner:
    return Runner(plan, runs, ResultFile(runs / FILE, plan), at_once=2)


@pytest.mark.timeout(60)
def test_two_runs_go_on_beside_each_other(monkeypatch, tmp_path):
    # One at a time would wait for the second for ever.
    runner = runner_of(small_runs(monkeypatch, beside=2), tmp_path)
    runner.make_all()
    assert runner.failed == {} and len(list(tmp_path.rglob("summary.json"))) == 3


@pytest.mark.timeout(60)
def test_an_end_from_outside_reaches_every_run_and_starts_no_other(monkeypatch, tmp_path):
    def leave(*_):
        raise SystemExit(143)

    def stop():
        while len(list(tmp_path.rglob("begun"))) < 2:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR1, leave)
    try:
        runner = runner_of(small_runs(monkeypatch, beside=99), tmp_path)
        threading.Thread(target=stop, daemon=True).start()
        with pytest.raises(SystemExit):
            runner.make_all()
    finally:
        signal.signal(signal.SIGUSR1, before)
    saved = {path.parent.parent.name for path in tmp_path.rglob("saved")}
    assert saved == {"grpo", "sdpo"} == {path.parent.parent.name for path in tmp_path.rglob("begun")}
