"""Two processes with four devices each train as one process with eight; when one goes, the other ends, and both resume.

The processes are real: `jax.distributed`, collectives over gloo, a render farm of each, one workdir.
"""

import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

import pytest

ROOT = pathlib.Path(__file__).parents[2]
SETTINGS = {
    "batch.prompts": 8,
    "batch.group": 2,
    "lengths.response": 100,
    "eval.prompts": 6,  # Three a host, on four devices each.
    "eval.every": 2,
    "checkpoint.every": 1,
    "record.every": 2,
    "render.workers": 1,
}
LOSSES = ("loss", "self_distillation/distillation_loss", "self_distillation/policy_loss", "grad_norm")
# What is computed from all rollouts or all tokens, on the host: the standard error, quantiles and shares among them.
FIGURES = ("reward", "reward_stderr", "exec_rate", "self_distillation/kl_p99", "padding/teacher", "num_tokens")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module", autouse=True)
def home(tmp_path_factory):
    """One compilation cache for all runs of this module."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        yield


def start(workdir, steps, hosts="one", devices=8, **settings):
    """A process that trains; its output is in a file."""
    chosen = SETTINGS | {"steps": steps} | settings
    command = [sys.executable, "-m", "vsdpo_jax.train", "--config=configs/tiny.py", f"--workdir={workdir}"]
    command += [f"--hosts={hosts}", *(f"--config.{name}={value}" for name, value in chosen.items())]
    environment = os.environ | {"JAX_PLATFORMS": "cpu", "JAX_NUM_CPU_DEVICES": str(devices)}
    log = workdir.parent / f"{workdir.name}_{time.monotonic_ns()}.log"
    with log.open("w") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=output)
    process.log = log
    return process


def start_two(workdir, steps, **settings):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return [start(workdir, steps, f"127.0.0.1:{port},2,{index}", 4, **settings) for index in range(2)]


def finish(processes, status=0, seconds=600):
    """Waits for all; their outputs."""
    try:
        statuses = [process.wait(seconds) for process in processes]
    finally:
        for process in processes:
            process.kill()
    outputs = [process.log.read_text() for process in processes]
    assert statuses == [status] * len(processes), "\n".join(output[-3000:] for output in outputs)
    return outputs


def rows(workdir):
    lines = (workdir / "metrics.jsonl").read_text().splitlines()
    return {row["step"]: row for row in map(json.loads, lines) if "loss" in row}


def wait_for_step(workdir, processes, step, seconds=600):
    deadline = time.monotonic() + seconds
    while not (workdir / "checkpoints" / str(step)).exists():
        assert all(process.poll() is None for process in processes), processes[0].log.read_text()[-3000:]
        assert time.monotonic() < deadline, "training does not get on"
        time.sleep(0.2)


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The metrics of five steps of one process, and its evaluation."""
    workdir = tmp_path_factory.mktemp("alone") / "run"
    finish([start(workdir, 5)])
    return rows(workdir), json.loads((workdir / "summary.json").read_text())


def check_equal(got, wanted, steps):
    for step in range(1, steps + 1):
        for name in LOSSES:
            assert got[step][name] == pytest.approx(wanted[step][name], rel=1e-5, abs=1e-5), (step, name)
        for name in FIGURES:
            assert got[step][name] == pytest.approx(wanted[step][name], rel=1e-4, abs=1e-5), (step, name)
        assert got[step].keys() == wanted[step].keys()


@pytest.mark.parametrize("segment", [0, 32])
def test_two_hosts_train_as_one(tmp_path, alone, segment):
    """With chunks that are decoded to their end, and in segments."""
    wanted, summary = alone
    first, second = finish(start_two(tmp_path / "run", 3, **{"sampling.segment": segment}))
    check_equal(rows(tmp_path / "run"), wanted, 3)
    mine = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert mine["before"] == pytest.approx(summary["before"], rel=1e-5)
    # One host writes and talks; what gloo says cannot be turned off.
    assert "report.html" in first
    assert not [line for line in second.splitlines() if line.strip() and not line.startswith("[Gloo]")]
    records = (tmp_path / "run" / "rollouts" / "step_000002.jsonl").read_text().splitlines()
    assert len(records) == 8


@pytest.mark.parametrize("victim", [0, 1])
def test_a_killed_host_ends_the_other_and_both_resume(tmp_path, alone, victim):
    workdir = tmp_path / "run"
    processes = start_two(workdir, 50)
    wait_for_step(workdir, processes, 2)
    processes[victim].kill()
    killed = time.monotonic()
    survivor = processes[1 - victim]
    assert survivor.wait(90) == 1
    assert time.monotonic() - killed < 60
    last = [line for line in survivor.log.read_text().splitlines() if line.strip()][-1]
    assert last.startswith(f"error: host {victim} of 2 has ended"), last
    first, _ = finish(start_two(workdir, 5))
    assert "resuming at step" in first
    check_equal(rows(workdir), alone[0], 5)


def test_a_signal_to_one_makes_both_save_the_same_step(tmp_path, alone):
    workdir = tmp_path / "run"
    processes = start_two(workdir, 50, **{"checkpoint.every": 40})
    deadline = time.monotonic() + 600
    while not (workdir / "metrics.jsonl").exists() or not rows(workdir):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    processes[1].send_signal(signal.SIGTERM)
    outputs = finish(processes)
    said = [line for output in outputs for line in output.splitlines() if "by a signal after step " in line]
    steps = {line.split("after step ")[1].split(";")[0] for line in said}
    assert len(said) == 2 and len(steps) == 1
    saved = {path.name for path in (workdir / "checkpoints").iterdir()}
    assert steps <= saved
    finish(start_two(workdir, 5, **{"checkpoint.every": 40}))
    check_equal(rows(workdir), alone[0], 5)


def test_hosts_with_workdirs_of_their_own_are_refused(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    processes = [start(tmp_path / f"run{i}", 3, f"127.0.0.1:{port},2,{i}", 4) for i in range(2)]
    assert processes[1].wait(300) == 2 and "is not shared by the hosts" in processes[1].log.read_text()
    assert processes[0].wait(90) == 1 and "error: host 1 of 2 has ended" in processes[0].log.read_text()
