"""Runs in a process of its own with eight CPU devices; prints one JSON object that test_divergence_scale.py reads.

For every mesh and divergence: how far the sharded statistics and gradients are from those of one device, and the
largest array that any collective inside the loop over chunks carries.
"""

from __future__ import annotations

import json
import math
import re

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from vsdpo_jax.objective.divergence import token_statistics

TOKENS, VOCABULARY, WIDTH, CHUNK = 192, 512, 64, 16
CASES = (((1, 1, 8), "reverse_kl"), ((8, 1, 1), "reverse_kl"), ((2, 2, 2), "topk"), ((1, 4, 2), "jsd"))
COLLECTIVE = re.compile(r"= (.*?) (all-gather|all-reduce|reduce-scatter|all-to-all|collective-permute)(-start)?\(")


def make_arrays():
    rng = np.random.default_rng(0)
    student = rng.normal(size=(TOKENS, WIDTH)).astype(np.float32)
    teacher = student + 0.3 * rng.normal(size=(TOKENS, WIDTH)).astype(np.float32)
    head = 0.3 * rng.normal(size=(VOCABULARY, WIDTH)).astype(np.float32)
    # Shards with different numbers of tokens: each must finish the same number of chunks.
    mask = rng.random(TOKENS) < np.linspace(0.0, 0.9, TOKENS)
    return student, head, teacher, rng.integers(0, VOCABULARY, TOKENS), mask


def make_step(divergence: str):
    def loss(student, head, teacher, targets, mask):
        s = token_statistics(
            student, teacher, head, None, targets, mask_t=mask, divergence=divergence, top_k=20, chunk=CHUNK
        )
        return (s.divergence + 0.5 * s.logp + 0.1 * s.entropy).sum() / TOKENS, s

    return jax.value_and_grad(loss, argnums=(0, 1), has_aux=True)


def largest_in_loops(hlo: str) -> int:
    """Elements of the largest array that a collective inside a loop carries on each device."""
    largest = 0
    for line in hlo.splitlines():
        found = COLLECTIVE.search(line)
        if found and "while/body" in line:
            shapes = re.findall(r"\[([\d,]*)\]", found.group(1))
            largest = max([largest, *(math.prod(int(n) for n in shape.split(",") if n) for shape in shapes)])
    return largest


def run(axes: tuple[int, int, int], divergence: str) -> dict[str, float]:
    arrays = make_arrays()
    expected = jax.jit(make_step(divergence))(*arrays)
    mesh = jax.make_mesh(axes, ("data", "fsdp", "tensor"), axis_types=(jax.sharding.AxisType.Auto,) * 3)
    by_token = NamedSharding(mesh, PartitionSpec(("data", "fsdp")))
    by_id = NamedSharding(mesh, PartitionSpec("tensor", "fsdp"))
    with jax.set_mesh(mesh):
        placed = [jax.device_put(array, by_id if index == 1 else by_token) for index, array in enumerate(arrays)]
        step = jax.jit(make_step(divergence), out_shardings=(None, (by_token, by_id)))
        found = step(*placed)
        hlo = step.lower(*placed).compile().as_text()
    gaps = jax.tree.map(lambda a, b: float(jnp.abs(np.asarray(a) - np.asarray(b)).max()), expected, found)
    return {"gap": max(jax.tree.leaves(gaps)), "collective": largest_in_loops(hlo)}


if __name__ == "__main__":
    jax.config.update("jax_num_cpu_devices", 8)
    print(json.dumps({f"{axes} {divergence}": run(axes, divergence) for axes, divergence in CASES}))
