"""The whole update on eight virtual devices is the update on one."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("mesh", ["2,2,2", pytest.param("1,4,2", marks=pytest.mark.slow)])
def test_sharded_update_equals_single_device(mesh):
    command = [sys.executable, "-m", "tests.objective.update_cases", mesh]
    environment = os.environ | {"JAX_PLATFORMS": "cpu"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    result = json.loads(done.stdout.splitlines()[-1])[mesh]
    for name, (single, sharded) in result["metrics"].items():
        assert sharded == pytest.approx(single, rel=1e-4, abs=1e-6), name
    # Adam's first step moves every parameter by 4e-5 in the direction of its gradient, however small that is: only
    # where rounding decides the sign may a parameter go the other way. Wrong gradients send half of them there.
    assert result["other_way"] < 0.01
    assert result["metrics"]["self_distillation/kl"][0] > 0
    # From the checkpoint that one device saved, the mesh makes the next update.
    for name, (single, sharded) in result["resumed"].items():
        assert sharded == pytest.approx(single, rel=1e-5, abs=1e-5), name
    assert result["resumed"]["loss"][0] != result["metrics"]["loss"][0]
