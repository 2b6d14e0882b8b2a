"""Eight virtual devices give what one gives."""

import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
from jax.sharding import AbstractMesh, PartitionSpec

from vsdpo_jax import sharding
from vsdpo_jax.model.config import Qwen3VLConfig
from vsdpo_jax.model.weight_table import table

ROOT = pathlib.Path(__file__).parents[2]


# (data, fsdp, tensor) -> share of the parameters on one device; norms and biases stay whole.
SHARES = {"1,8,1": 0.17, "2,2,2": 0.32}
MORE_SHARES = {"8,1,1": 1.0, "1,4,2": 0.17}


def run_cases(module, *arguments):
    command = [sys.executable, "-m", f"tests.multidevice.{module}", *map(str, arguments)]
    environment = os.environ | {"JAX_PLATFORMS": "cpu"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Involuntary full rematerialization" not in done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def check(results, shares):
    assert results.keys() == shares.keys()
    for mesh, share in shares.items():
        data, fsdp, _ = map(int, mesh.split(","))
        got = results[mesh]
        assert max(got["loss"], got["logits"], got["gradients"]) < 1e-5, (mesh, got)
        assert share / 2 < got["split"] <= share, (mesh, got)
        assert got["logits_rows"] * data * fsdp == 8, (mesh, got)


@pytest.mark.slow
def test_sharded_equals_single_device(tmp_path):
    check(run_cases("cases", tmp_path, *SHARES), SHARES)


@pytest.mark.slow
def test_sharded_equals_single_device_on_more_meshes(tmp_path):
    check(run_cases("cases", tmp_path, *MORE_SHARES), MORE_SHARES)


@pytest.mark.slow
def test_every_device_runs_the_kernel_on_its_own_rows_and_heads():
    results = run_cases("kernel_cases")
    assert results["split"]["largest"] < 5e-5 and results["whole"]["largest"] < 5e-5, results
    assert (results["split"]["rows"], results["split"]["heads"]) == (1, 2)
    assert (results["whole"]["rows"], results["whole"]["heads"]) == (1, 4)


@pytest.mark.parametrize("size", ["2b", "4b", "8b", "32b"])
def test_full_sizes_are_split_evenly(size):
    """On 16 chips nothing large stays whole: a chip holds little more than a sixteenth of the model."""
    mesh = AbstractMesh((1, 8, 2), sharding.AXES)
    whole, part = 0, 0
    for entry in table(Qwen3VLConfig.preset(size)):
        shape = (len(entry.keys), *entry.shape) if entry.stacked else entry.shape
        spec = sharding.spec(entry.path, shape, mesh)
        pieces = np.prod([mesh.shape[name] for name in _names(spec)], initial=1)
        whole += np.prod(shape, dtype=float)
        part += np.prod(shape, dtype=float) / pieces
    assert part < 1.02 * whole / 16


def _names(spec: PartitionSpec):
    for axes in spec:
        yield from (axes,) if isinstance(axes, str) else axes or ()


def test_axis_that_does_not_divide_leaves_the_dimension_whole():
    mesh = AbstractMesh((2, 4, 2), sharding.AXES)
    assert sharding.fit(("fsdp", "tensor"), (6, 4), mesh) == PartitionSpec(None, "tensor")
    assert sharding.fit((("data", "fsdp"),), (6,), mesh) == PartitionSpec("data")
    assert sharding.fit((("data", "fsdp"),), (16,), mesh) == PartitionSpec(("data", "fsdp"))


def test_state_that_mirrors_parameters_is_split_like_them():
    mesh = AbstractMesh((1, 4, 2), sharding.AXES)
    path = "opt_state/0/mu/text/layers/q_proj/kernel"
    assert sharding.spec(path, (4, 64, 4, 16), mesh) == PartitionSpec(None, "fsdp", "tensor", None)
    assert sharding.spec("opt_state/0/count", (), mesh) == PartitionSpec()


@pytest.mark.parametrize("sizes", [(3, -1, 1), (-1, -1, 1), (2, 1, 1), (0, 1, 1)])
def test_impossible_mesh_is_refused(sizes):
    with pytest.raises(ValueError, match="does not fit"):
        sharding.make_mesh(*sizes)
