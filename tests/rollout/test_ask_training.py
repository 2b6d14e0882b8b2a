"""A training step with the question about regions that nothing traces: it is put, and its answers are counted."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_metrics_of_a_run_count_questions_and_answers(tmp_path):
    command = [
        *(sys.executable, "-m", "vsdpo_jax.train", "--config=configs/tiny.py", f"--workdir={tmp_path / 'run'}"),
        *("--config.steps=2", "--config.batch.prompts=2", "--config.batch.group=2", "--config.lengths.response=120"),
        *("--config.sampling.chunks=1", "--config.eval.prompts=2", "--config.eval.samples=1"),
        *("--config.render.workers=1", "--config.credit.questions=2"),
    ]
    environment = os.environ | {"JAX_PLATFORMS": "cpu", "HOME": str(tmp_path)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    rows = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    steps = [row for row in rows if "loss" in row]
    assert len(steps) == 2
    for row in steps:
        assert 0 <= row["fallback/answered"] <= row["fallback/asked"] <= min(2, row["fallback/regions"])
