"""Exports of a training checkpoint, and what is said when there is nothing to export."""

import json
import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.parity.reference import make_pair, tiny_config
from vsdpo_jax.checkpoint import Checkpoints
from vsdpo_jax.errors import UserError
from vsdpo_jax.export import CheckpointArrays, export
from vsdpo_jax.model import weights


@pytest.fixture(scope="module")
def workdir(tmp_path_factory):
    """A run with two checkpoints: the parameters and, four times as large, those of its teacher."""
    folder = tmp_path_factory.mktemp("run")
    pair = make_pair(tiny_config())
    state = {"params": pair.params, "teacher": jax.tree.map(lambda x: 4 * x, pair.params), "step": jnp.zeros(())}
    (folder / "config.json").write_text(json.dumps({"model": pair.folder}))
    with Checkpoints(folder, keep=2) as checkpoints:
        checkpoints.save(jax.tree.map(lambda x: x + 1, state), 9, {}, wait=True)
        checkpoints.save(state, 10, {}, wait=True)
    return folder


def loaded(folder):
    return {path: np.asarray(leaf) for path, leaf in weights.flat_arrays(weights.load(folder)[1]).items()}


@pytest.mark.parametrize(("part", "factor"), [("params", 1), ("teacher", 4)])
def test_newest_checkpoint_comes_out_as_it_went_in(workdir, tmp_path, part, factor):
    step = export(str(workdir), str(tmp_path / "out"), dtype="float32", part=part)
    assert step.name == "10"
    written = loaded(tmp_path / "out")
    for path, leaf in weights.flat_arrays(make_pair(tiny_config()).params).items():
        np.testing.assert_array_equal(written[path], factor * np.asarray(leaf))


def test_one_step_in_bfloat16(workdir, tmp_path):
    export(str(workdir / "checkpoints" / "9"), str(tmp_path), dtype="bfloat16")
    written = loaded(tmp_path)
    for path, leaf in weights.flat_arrays(make_pair(tiny_config()).params).items():
        wanted = np.asarray((leaf + 1).astype(jnp.bfloat16).astype(jnp.float32))
        np.testing.assert_array_equal(written[path], wanted)


def test_existing_folder_is_not_overwritten(workdir, tmp_path):
    (tmp_path / "precious").write_text("x")
    with pytest.raises(UserError, match="nothing is overwritten"):
        export(str(workdir), str(tmp_path))


def test_checkpoint_of_another_model_is_refused(workdir, tmp_path):
    other = make_pair(tiny_config(vision={"deepstack_visual_indexes": ()}))
    with pytest.raises(UserError, match="is not of the model"):
        export(str(workdir), str(tmp_path / "out"), model=other.folder)


def test_parameters_are_read_a_few_at_a_time(workdir, tmp_path, monkeypatch):
    monkeypatch.setattr("vsdpo_jax.export.READ_BYTES", 60_000)
    arrays = CheckpointArrays(workdir / "checkpoints" / "10", "params", jnp.dtype("float32"))
    for path, leaf in weights.flat_arrays(make_pair(tiny_config()).params).items():
        np.testing.assert_array_equal(arrays[path], leaf)
        assert len(arrays._held) == 1 or sum(held.nbytes for held in arrays._held.values()) <= 60_000


def test_missing_teacher_is_named(tmp_path):
    with Checkpoints(tmp_path / "run", keep=1) as checkpoints:
        checkpoints.save({"params": make_pair(tiny_config()).params}, 1, {}, wait=True)
    with pytest.raises(UserError, match="holds no teacher"):
        export(str(tmp_path / "run"), str(tmp_path / "out"), model=make_pair(tiny_config()).folder, part="teacher")


def test_command_line_says_in_one_line_what_is_wrong(tmp_path):
    command = [sys.executable, "-m", "vsdpo_jax.export", f"--checkpoint={tmp_path}", f"--out={tmp_path / 'out'}"]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"JAX_PLATFORMS": "cpu"})
    assert done.returncode != 0
    assert done.stderr.strip().splitlines()[-1].startswith("error: no checkpoint in")
    assert "Traceback" not in done.stderr
