"""`python -m vsdpo_jax.evaluate` from outside: on the sample charts, and asking the embedded model."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SAMPLES = Path("vsdpo_jax/assets/eval_samples/chartmimic")


def evaluate(*arguments):
    command = [sys.executable, "-m", "vsdpo_jax.evaluate", *map(str, arguments)]
    environment = {**os.environ, "JAX_PLATFORMS": "cpu"}
    return subprocess.run(command, capture_output=True, text=True, timeout=280, env=environment, check=False)


def test_sample_charts_are_scored_out_of_the_box(tmp_path):
    ids = ["bar_1", "graph_1", "radar_1"]
    predictions = tmp_path / "predictions"
    predictions.mkdir()
    (predictions / "pairs.json").write_text(json.dumps({name: name for name in ids}))
    for name in ids:
        (source,) = (SAMPLES / "predictions").glob(f"{name}.*")
        (predictions / source.name).write_bytes(source.read_bytes())
    arguments = ("--benchmark=chartmimic", f"--data={SAMPLES}", f"--predictions={predictions}", f"--out={tmp_path}")
    done = evaluate(*arguments, "--workers=1", "--detail")
    assert done.returncode == 0, done.stderr[-800:]
    found = json.loads((tmp_path / "scores.json").read_text())
    good, crash, refusal = (found["examples"][name] for name in ids)
    assert (good["exec"], good["text"], good["layout"], good["type"], good["color"]) == (True, 1, 1, 1, 1)
    # It fails at its last drawing call: labels and title are missing, nodes and edges are there.
    assert (crash["exec"], crash["type"], crash["layout"]) == (False, 0.8, 1)
    assert crash["error"] == "NameError: name 'position' is not defined"
    assert refusal == {**dict.fromkeys(("text", "layout", "type", "color"), 0.0), "exec": False, "high": None,
                       "error": "the response holds no ```python block", "detail": refusal["detail"]}  # fmt: skip
    total = found["total"]
    assert (total["count"], total["exec"]) == (3, pytest.approx(1 / 3))
    assert total["low"] == pytest.approx(1 / 3)
    assert total["high"] is None and total["overall"] is None
    assert "need a judge" in found["notes"][0]
    assert done.stdout.splitlines()[0].split() == ["Exec", "Low", "High", "Overall", "Text", "Layout", "Type", "Color"]
    assert "data:image/webp" in (tmp_path / "gallery.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--benchmark=chess", "--data=x"], "benchmark 'chess' is unknown"),
        (["--benchmark=chartmimic", "--data=nowhere"], "--data=nowhere is not a folder"),
        (["--benchmark=chartmimic", f"--data={SAMPLES}", "--model=assets:tiny"], "give --predictions=DIR, or --config"),
    ],
)
@pytest.mark.slow
def test_mistakes_are_one_line(tmp_path, arguments, message):
    done = evaluate(*arguments, f"--out={tmp_path}")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("error: ")
    assert message in done.stderr


@pytest.mark.slow
def test_a_model_is_asked_and_its_answers_are_kept(tmp_path):
    arguments = (
        "--benchmark=chartmimic", f"--data={SAMPLES}", f"--out={tmp_path}", "--config=configs/tiny.py",
        "--model=assets:tiny", "--limit=3", "--workers=1", "--config.batch.prompts=2", "--config.lengths.response=48",
        "--config.lengths.prefix=420",
    )  # fmt: skip
    done = evaluate(*arguments)
    assert done.returncode == 0, done.stderr[-800:]
    (answers,) = tmp_path.glob("answers-*")
    texts = {path.stem: path.read_text() for path in answers.glob("*.md")}
    assert sorted(texts) == ["3d_1", "CB_1", "PIP_1"]
    assert all(texts.values())
    before = (tmp_path / "scores.json").read_text()
    # Greedy answers are kept: a second run asks nobody and finds the same.
    (answers / "CB_1.md").unlink()
    again = evaluate(*arguments)
    assert again.returncode == 0, again.stderr[-800:]
    assert {path.stem: path.read_text() for path in answers.glob("*.md")} == texts
    assert (tmp_path / "scores.json").read_text() == before
