"""`evaluate` with data, predictions and results on `gs://`: the scores of a folder, and a restart from the bucket."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from vsdpo_jax import storage

SAMPLES = Path("vsdpo_jax/assets/eval_samples/chartmimic")
IDS = ("bar_1", "radar_1")


def _upload(local, place):
    for path in sorted(path for path in local.rglob("*") if path.is_file()):
        storage.write_whole(place / path.relative_to(local).as_posix(), path.read_bytes())


def _predictions(folder):
    folder.mkdir()
    (folder / "pairs.json").write_text(json.dumps({name: name for name in IDS}))
    for name in IDS:
        (source,) = (SAMPLES / "predictions").glob(f"{name}.*")
        (folder / source.name).write_bytes(source.read_bytes())
    return folder


def _evaluate(data, predictions, out):
    command = [sys.executable, "-m", "vsdpo_jax.evaluate", "--benchmark=chartmimic", f"--data={data}"]
    command += [f"--predictions={predictions}", f"--out={out}", "--workers=1"]
    environment = {**os.environ, "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-800:]


@pytest.mark.slow
def test_an_evaluation_in_a_bucket_equals_the_one_in_a_folder(gcs, tmp_path):
    local = _predictions(tmp_path / "predictions")
    place = gcs.folder()
    _upload(SAMPLES, place / "data")
    _upload(local, place / "predictions")
    _evaluate(SAMPLES, local, tmp_path / "out")
    _evaluate(place / "data", place / "predictions", place / "out")
    scores = (place / "out" / "scores.json").read_text()
    assert scores == (tmp_path / "out" / "scores.json").read_text()
    assert "data:image/webp" in (place / "out" / "gallery.html").read_text()
    # Results are read, not made again: an altered one stays, one that is gone comes back.
    kept, gone = sorted(path for path in (place / "out" / "examples").iterdir() if path.suffix == ".json")
    before = json.loads(gone.read_text())
    kept.write_text(kept.read_text().replace('"text": 1.0', '"text": 0.25').replace('"text": 0.0', '"text": 0.25'))
    gone.unlink()
    _evaluate(place / "data", place / "predictions", place / "out")
    assert json.loads(gone.read_text()) == before
    assert json.loads(kept.read_text())["columns"]["text"] == 0.25
