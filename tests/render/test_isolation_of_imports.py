"""Render processes share a machine with the owner of the accelerator, so they may not even import JAX."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    "module",
    [
        "vsdpo_jax.render.farm",
        "vsdpo_jax.render.supervisor",
        "vsdpo_jax.render.zygote",
        "vsdpo_jax.render.chart",
        "vsdpo_jax.feedback.detect",
        "vsdpo_jax.feedback.prompt",
        "vsdpo_jax.feedback.credit",
        "vsdpo_jax.reward",
    ],
)
def test_no_jax_in_a_fresh_interpreter(module):
    code = f"import sys, {module}; sys.exit(any(name.split('.')[0] in ('jax', 'flax') for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
