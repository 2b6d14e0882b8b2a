"""The whole trainer, as a user runs it: real rollouts, real renders, real kills."""

import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import time

import pytest

from vsdpo_jax.batch_file import load_batch

ROOT = pathlib.Path(__file__).parents[1]
SMALL = (
    "--config.batch.prompts=2",
    "--config.batch.group=2",
    "--config.lengths.response=120",
    "--config.sampling.chunks=1",
    "--config.eval.prompts=2",
    "--config.eval.samples=1",
    "--config.eval.every=2",
    "--config.checkpoint.every=1",
    "--config.record.every=2",
    "--config.render.workers=1",
)
# Figures that must be the same to the last bit in a run that was killed.
EXACT = ("loss", "grad_norm", "reward", "entropy", "self_distillation/kl", "teacher/distance", "num_tokens")


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


def test_the_steps_that_are_compared_below_teach_something(finished):
    for step, row in losses(finished[0]).items():
        assert row["grad_norm"] > 1e-3, step
        assert row["loss"] != 0, step
    figures = next(row for row in rows(finished[0]) if row["step"] == 2 and "loss" in row)
    for name in ("self_distillation/uplift_defect", "perf/throughput", "perf/update_flops_per_second", "num_tokens",
                 "step_time", "overlap/fraction", "sampling/sampling_logp_difference/max"):  # fmt: skip
        assert name in figures
    assert figures["sampling/sampling_logp_difference/max"] < 1e-3


def start(environment, workdir, *arguments, **options):
    """A run that is to be stopped."""
    return subprocess.Popen(
        command(workdir, *arguments, **options),
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def wait_for_step(process, workdir, step):
    while not losses(workdir).keys() & {step}:
        assert process.poll() is None, process.stdout.read()[-3000:]
        time.sleep(0.02)


@pytest.mark.timeout(900)
def test_a_run_that_is_killed_twice_gives_the_same_losses(finished, tmp_path, environment):
    for step in (1, 3):
        process = start(environment, tmp_path)
        wait_for_step(process, tmp_path, step)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    done = run(environment, tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "resuming at step" in done.stderr + done.stdout
    assert losses(tmp_path) == losses(finished[0])
    # Evaluated as often as without a kill, with the same result, and remembered as the best.
    assert evaluations(tmp_path) == evaluations(finished[0])
    best = [json.loads((workdir / "summary.json").read_text())["best"] for workdir in (tmp_path, finished[0])]
    assert best[0] == best[1]


def evaluations(workdir):
    return {row["step"]: row["eval/reward"] for row in rows(workdir) if "eval/reward" in row}


@pytest.mark.timeout(900)
def test_a_preempted_run_saves_at_once_exits_with_status_0_and_loses_nothing(finished, tmp_path, environment):
    process = start(environment, tmp_path, "--config.checkpoint.every=1000")
    wait_for_step(process, tmp_path, 2)
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output[-3000:]
    assert "run the same command again to resume" in output
    last = max(losses(tmp_path))
    # The last finished step, although the next save would have been due at step 1000.
    assert last < 4 and (tmp_path / "checkpoints" / str(last)).is_dir()
    metadata = "".join(p.read_text() for p in (tmp_path / "checkpoints" / str(last)).glob("*METADATA*") if p.is_file())
    for name in ("cursor", "checksums", "fonts", "num_tokens", "config"):
        assert name in metadata
    done = run(environment, tmp_path, "--config.checkpoint.every=1000")
    assert done.returncode == 0, done.stderr[-3000:]
    assert f"resuming at step {last}" in done.stderr + done.stdout
    assert losses(tmp_path) == losses(finished[0])


@pytest.mark.timeout(600)
def test_a_run_stops_when_evaluations_do_not_improve(tmp_path, environment):
    arguments = ("--config.eval.every=1", "--config.eval.patience=1", "--config.checkpoint.keep=1")
    done = run(environment, tmp_path, *arguments, steps=50)
    assert done.returncode == 0, done.stderr[-3000:]
    found = evaluations(tmp_path)
    last = max(found)
    # It went on while every evaluation was better than all before, and stopped at the first that was not.
    assert last < 50 and found[last] <= max(list(found.values())[:-1])
    assert all(found[step] > max(list(found.values())[:step]) for step in range(1, last))
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["steps"] == last
    assert summary["best"] == {"step": last - 1, "reward": found[last - 1]}
    kept = {int(path.name) for path in (tmp_path / "checkpoints").iterdir()}
    assert kept == {step for step in (last - 1, last) if step}
    assert f"stopping at step {last}" in done.stderr + done.stdout


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_run_whose_updates_stay_non_finite_stops_with_the_batch(tmp_path, environment):
    done = run(environment, tmp_path, "--config.objective.grpo_weight=nan", "--config.optim.max_skipped=2", steps=9)
    assert done.returncode == 2
    assert "2 updates in a row up to step 2 had a non-finite loss" in done.stderr
    path = tmp_path / "broken" / "step_000002.npz"
    assert str(path) in done.stderr
    batch = load_batch(path)
    assert batch.targets_ngr.shape == (2, 2, 120) and batch.response_ngr.any()
    assert [row["skipped_updates"] for row in rows(tmp_path) if "skipped_updates" in row] == [1, 2]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_second_update_on_the_same_rollouts_is_clipped_and_counts_as_no_step(tmp_path, environment):
    once, twice = tmp_path / "once", tmp_path / "twice"
    large = ("--config.optim.lr=3e-3", "--config.optim.warmup_steps=0", "--config.objective.grpo_weight=5.0")
    for workdir, updates in ((once, 1), (twice, 2)):
        done = run(environment, workdir, *large, f"--config.batch.updates={updates}", "--config.eval.every=0", steps=2)
        assert done.returncode == 0, done.stderr[-3000:]
    one, two = ({row["step"]: row for row in rows(workdir) if "loss" in row} for workdir in (once, twice))
    assert sorted(one) == sorted(two) == [1, 2]
    # The policy that sampled has ratio 1 everywhere; only a second update has something to clip.
    assert one[1]["clip_ratio/region_mean"] == 0 < two[1]["clip_ratio/region_mean"]
    # The same rollouts in the first step, others in the second: the policy has moved further.
    assert one[1]["reward"] == two[1]["reward"]
    assert one[2]["loss"] != two[2]["loss"]


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("devices, tensor", [(2, 1), (4, 2)])
def test_a_run_resumes_on_another_number_of_devices(finished, tmp_path, environment, devices, tensor):
    workdir = tmp_path / "run"
    shutil.copytree(finished[0], workdir)
    shutil.rmtree(workdir / "checkpoints" / "4")
    flags = f"{os.environ['XLA_FLAGS']} --xla_force_host_platform_device_count={devices}"
    done = run(environment | {"XLA_FLAGS": flags}, workdir, f"--config.mesh.tensor={tensor}")
    assert done.returncode == 0, done.stderr[-3000:]
    assert "resuming at step 3" in done.stderr + done.stdout
    for name, value in losses(finished[0])[4].items():
        assert losses(workdir)[4][name] == pytest.approx(value, rel=1e-5, abs=1e-5), name


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_twenty_kills_at_random_moments_change_nothing(tmp_path, environment):
    """Kills hit start-up, sampling, rendering, the update and the middle of a save alike."""
    quick = ("--config.eval.every=0", "--config.record.every=0", "--config.eval.prompts=1")
    moments, killed, untouched = random.Random(0), tmp_path / "killed", tmp_path / "untouched"
    assert run(environment, untouched, *quick, steps=1).returncode == 0  # compiles
    started = time.monotonic()
    assert run(environment, untouched, *quick, steps=1).returncode == 0
    startup = time.monotonic() - started
    for _ in range(20):
        before = max(losses(killed), default=0)
        process = start(environment, killed, *quick, steps=10_000)
        time.sleep(startup * moments.uniform(0.3, 2.0))
        assert process.poll() is None, process.stdout.read()[-3000:]
        process.send_signal(signal.SIGKILL)
        process.communicate()
        after = max(losses(killed), default=0)
        # Saved after every step: the last row may be ahead of its save, and that of one still being written.
        assert after >= before - 2
    last = max(losses(killed))
    assert last > 5
    assert run(environment, killed, *quick, steps=last).returncode == 0
    shutil.rmtree(untouched)
    assert run(environment, untouched, *quick, steps=last).returncode == 0
    assert losses(killed) == losses(untouched)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--config.optim.lrr=1"], "config has no field 'optim.lrr': did you mean 'optim.lr'?"),
        (["--config.model=/nowhere"], "model folder '/nowhere' has no config.json"),
        (["--config.method=ppo"], "method 'ppo' is unknown"),
        (["--config.steps=0"], "config.steps=0: give 1 or more"),
        (["--config.data.name=poems"], "config.data.name='poems' is unknown"),
        (["--config.objective.divergence=kl"], "config.objective.divergence='kl' is unknown: choose reverse_kl"),
        (["--config.method=sft", "--config.batch.updates=2"], "config.batch.updates=2 is for rollouts"),
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
    assert "holds another run: optim.lr (there 0.0004, now 0.25)" in done.stderr
    assert (workdir / "metrics.jsonl").read_bytes() == before
