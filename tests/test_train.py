"""The whole trainer, as a user runs it: real rollouts, real renders, real kills."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

ROOT = pathlib.Path(__file__).parents[1]
SMALL = (
    "--config.batch.prompts=2",
    "--config.batch.group=2",
    "--config.lengths.response=40",
    "--config.sampling.chunks=1",
    "--config.eval.prompts=2",
    "--config.eval.samples=1",
    "--config.eval.every=2",
    "--config.checkpoint.every=1",
    "--config.record.every=2",
    "--config.render.workers=1",
)
# Figures that must be the same to the last bit in a run that was killed.
EXACT = ("loss", "grad_norm", "reward", "entropy", "self_distillation/kl", "completions/mean_length")


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """One compilation cache for all runs of this module."""
    return os.environ | {"JAX_PLATFORMS": "cpu", "HOME": str(tmp_path_factory.mktemp("home"))}


def command(workdir, *arguments, steps=4, config="configs/tiny.py"):
    return [
        *(sys.executable, "-m", "vsdpo_jax.train", f"--config={config}", f"--workdir={workdir}"),
        *SMALL,
        f"--config.steps={steps}",
        *arguments,
    ]


def run(environment, *arguments, **options):
    return subprocess.run(command(*arguments, **options), cwd=ROOT, env=environment, capture_output=True, text=True)


def rows(workdir):
    path = pathlib.Path(workdir) / "metrics.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def losses(workdir):
    return {row["step"]: {name: row[name] for name in EXACT} for row in rows(workdir) if "loss" in row}


@pytest.fixture(scope="module")
def finished(tmp_path_factory, environment):
    """The workdir of an uninterrupted run."""
    workdir = tmp_path_factory.mktemp("finished")
    done = run(environment, workdir)
    assert done.returncode == 0, done.stderr[-3000:]
    return workdir, done.stdout


@pytest.mark.timeout(600)
def test_a_run_leaves_what_the_readme_promises(finished):
    workdir, output = finished
    summary = json.loads((workdir / "summary.json").read_text())
    for moment in ("before", "after"):
        assert 0 <= summary[moment]["reward"] <= 1
        assert {"exec_rate", "defects_per_render"} <= summary[moment].keys()
    assert summary["steps"] == 4
    assert summary["seconds"] > 0
    assert [row["step"] for row in rows(workdir) if "loss" in row] == [1, 2, 3, 4]
    assert list((workdir / "tensorboard").iterdir())
    assert (workdir / "checkpoints" / "4").is_dir()
    assert (workdir / "rollouts" / "step_000002.jsonl").exists()
    page = (workdir / "report.html").read_text()
    assert "<svg" in page
    for line in ("held-out prompts", "defects per render", "report.html"):
        assert line in output


@pytest.mark.timeout(600)
def test_a_killed_run_resumes_and_gives_the_same_losses(finished, tmp_path, environment):
    process = subprocess.Popen(
        command(tmp_path), cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while not any(row.get("step") == 2 and "loss" in row for row in rows(tmp_path)):
        assert process.poll() is None, "the run ended before it could be killed"
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = run(environment, tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "resuming at step" in done.stderr + done.stdout
    assert losses(tmp_path) == losses(finished[0])


@pytest.mark.timeout(600)
def test_a_preempted_run_saves_and_exits_with_status_0(tmp_path, environment):
    process = subprocess.Popen(
        command(tmp_path, "--config.checkpoint.every=1000", steps=1000),
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    while not losses(tmp_path):
        assert process.poll() is None, process.stdout.read()[-3000:]
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output[-3000:]
    assert "run the same command again to resume" in output
    last = max(losses(tmp_path))
    assert (tmp_path / "checkpoints" / str(last)).is_dir()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--config.optim.lrr=1"], "config has no field 'optim.lrr': did you mean 'optim.lr'?"),
        (["--config.model=/nowhere"], "model folder '/nowhere' has no config.json"),
        (["--config.method=ppo"], "method 'ppo' is unknown"),
        (["--config.data.name=web_tasks"], "config.data.name='web_tasks' is unknown"),
    ],
)
def test_bad_input_gets_one_line_and_a_non_zero_exit(tmp_path, environment, arguments, says):
    done = run(environment, tmp_path / "run", *arguments)
    assert done.returncode == 2
    errors = [line for line in done.stderr.splitlines() if line]
    assert len(errors) == 1, done.stderr
    assert says in errors[0]


def test_a_workdir_of_another_run_is_refused_and_left_alone(finished, environment):
    workdir = finished[0]
    before = (workdir / "metrics.jsonl").read_bytes()
    done = run(environment, workdir, "--config.optim.lr=0.25")
    assert done.returncode == 2
    assert "holds another run: optim.lr (there 0.0002, now 0.25)" in done.stderr
    assert (workdir / "metrics.jsonl").read_bytes() == before
