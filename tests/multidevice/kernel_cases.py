"""Runs in a process of its own with eight CPU devices; prints the largest differences as one JSON object.

On a mesh every device runs the TPU attention kernel, here interpreted, on its own rows and heads.
"""

from __future__ import annotations

import functools
import json

import jax

jax.config.update("jax_num_cpu_devices", 8)

import numpy as np  # noqa: E402

from vsdpo_jax import sharding  # noqa: E402
from vsdpo_jax.model.attention import attention  # noqa: E402

N, G, T, H, A, P = 4, 2, 10, 4, 16, 12


def make_inputs(heads: int):
    """Queries, keys and values of G branches, their padding, and a shared prefix with padding."""
    rng = np.random.default_rng(0)
    normal = lambda *shape: rng.normal(size=shape).astype(np.float32)  # noqa: E731
    own = (normal(N, G, T, H, A), normal(N, G, T, heads, A), normal(N, G, T, heads, A))
    before = (normal(N, 1, P, heads, A), normal(N, 1, P, heads, A))
    return (*own, *before), (rng.random((N, G, T)) < 0.8, rng.random((N, 1, P)) < 0.8)


def run(arrays, seen, implementation):
    """The output [N, G, T, H, A] and the gradients of a random combination of it."""
    query, key, value, before_key, before_value = arrays
    cotangent = np.random.default_rng(1).normal(size=query.shape).astype(np.float32)

    def loss(query, key, value, before_key, before_value):
        prefix = (before_key, before_value, seen[1])
        out = attention(query, key, value, seen[0], causal=True, prefix=prefix, implementation=implementation)
        return (out * cotangent).sum(), out

    return jax.value_and_grad(loss, argnums=tuple(range(5)), has_aux=True)(*arrays)


def differences(sizes: tuple[int, int, int], heads: int) -> dict[str, float]:
    """Between the kernel on a mesh and the reference on one device; and the heads that a device holds."""
    arrays, seen = make_inputs(heads)
    (_, wanted), wanted_gradients = jax.jit(functools.partial(run, implementation="reference"))(arrays, seen)
    mesh = sharding.make_mesh(*sizes)
    with jax.set_mesh(mesh):
        placed = sharding.put_rows((arrays, seen))
        (_, got), gradients = jax.jit(functools.partial(run, implementation="splash_interpret"))(*placed)
    pairs = zip((got, *gradients), (wanted, *wanted_gradients), strict=True)
    return {
        "largest": max(float(np.abs(np.asarray(a) - np.asarray(b)).max()) for a, b in pairs),
        "rows": got.addressable_shards[0].data.shape[0],
        "heads": got.addressable_shards[0].data.shape[3],
    }


if __name__ == "__main__":
    # Two key heads are split over `tensor`; one cannot be and stays whole.
    print(json.dumps({"split": differences((1, 4, 2), 2), "whole": differences((2, 2, 2), 1)}))
