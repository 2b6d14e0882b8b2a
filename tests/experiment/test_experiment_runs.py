"""The experiment with real training runs: the page about them, what is run again, and the same bytes twice."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]
SMALL = (
    "batch.prompts=2",
    "batch.group=2",
    "eval.prompts=2",
    "eval.samples=1",
    "eval.every=0",
    "checkpoint.every=1",
    "record.every=1",
    "record.rollouts=0",
    "render.workers=1",
)


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """One compilation cache for all runs of this module."""
    return os.environ | {"JAX_PLATFORMS": "cpu", "HOME": str(tmp_path_factory.mktemp("home"))}


def experiment(environment, folder, *arguments):
    command = [sys.executable, "-m", "vsdpo_jax.experiment", f"--out={folder / 'out'}", f"--runs={folder / 'runs'}"]
    command += ["--domains=chart", "--methods=base,grpo,visual_sdpo+alpha_1", "--seeds=0", "--steps=1", *arguments]
    return subprocess.run(
        [*command, *(f"--set={field}" for field in SMALL)], cwd=ROOT, env=environment, capture_output=True, text=True
    )


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_two_real_runs_and_their_page(environment, tmp_path):
    done = experiment(environment, tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["missing"] == []
    chart = summary["domains"]["chart"]
    assert set(chart) == {"base", "grpo", "visual_sdpo+alpha_1"}
    for figures in chart.values():
        assert 0 <= figures["reward"]["mean"] <= 1 and figures["reward"]["runs"] == 1
    # Both start from the same weights, with the same prompts and random numbers.
    before = [chart[method]["runs"][0]["before"] for method in ("grpo", "visual_sdpo+alpha_1")]
    assert before[0] == before[1]
    config = json.loads((tmp_path / "runs" / "chart" / "visual_sdpo+alpha_1" / "seed_0" / "config.json").read_text())
    assert config["objective"]["alpha"] == 1.0 and config["method"] == "visual_sdpo"
    # Nothing is run a second time.
    logs = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("train.log")}
    assert len(logs) == 2
    assert experiment(environment, tmp_path).returncode == 0
    assert {path: path.stat().st_mtime_ns for path in logs} == logs


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_run_that_fails_is_named_and_its_end_is_told(environment, tmp_path):
    done = experiment(environment, tmp_path, "--set=sampling.chunks=nonsense")
    assert done.returncode == 2
    assert "2 runs failed, the first is chart/grpo/seed_0" in done.stderr
    page = (tmp_path / "out" / "README.md").read_text()
    assert "**This table is partial.**" in page and "Failed: chart/grpo/seed_0" in page


def figures(workdir):
    """All metrics that do not measure time."""
    rows = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
    timed = ("timing_s/", "overlap/", "perf/", "step_time")
    return [{name: value for name, value in row.items() if not name.startswith(timed)} for row in rows]


def train(environment, workdir, arguments, steps):
    command = [sys.executable, "-m", "vsdpo_jax.train", f"--config=configs/tiny.py:{arguments}"]
    command += [f"--workdir={workdir}", f"--config.steps={steps}", *(f"--config.{field}" for field in SMALL)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_control_changes_what_the_teacher_says_and_nothing_before_it(environment, tmp_path):
    steps = []
    for control in ("none", "shuffled", "no_rubric"):
        train(environment, tmp_path / control, f"seed=5,control={control}", steps=1)
        steps.append(next(row for row in figures(tmp_path / control) if "loss" in row))
    own, *damaged = steps
    for row in damaged:
        for name in ("reward", "credit/weight_mean", "self_distillation/reprompt_sample_fraction"):
            assert row[name] == own[name], name
        assert row["self_distillation/kl"] != own["self_distillation/kl"]


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("domain", ["chart", "web"])
def test_the_same_seed_gives_the_same_figures_and_renders_to_the_last_bit(environment, tmp_path, domain):
    for name in ("first", "second"):
        train(environment, tmp_path / name, f"domain={domain},seed=5", steps=2)
    first, second = tmp_path / "first", tmp_path / "second"
    assert figures(first) == figures(second)
    assert sum("loss" in row for row in figures(first)) == 2
    renders = sorted(path.relative_to(first) for path in (first / "rollouts").rglob("*"))
    assert [path for path in renders if path.suffix == ".png"]
    assert renders == sorted(path.relative_to(second) for path in (second / "rollouts").rglob("*"))
    for path in renders:
        if path.suffix:
            assert (first / path).read_bytes() == (second / path).read_bytes(), path
