"""Runs in a process of its own with eight CPU devices; prints one JSON object that the tests read.

For every mesh: how far logits, loss and gradients are from those of one device, and which parameters arrived split.
"""

from __future__ import annotations

import json
import sys

import jax

jax.config.update("jax_num_cpu_devices", 8)

import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402
from flax import nnx  # noqa: E402

from tests.parity.reference import tiny_config  # noqa: E402
from vsdpo_jax import sharding  # noqa: E402
from vsdpo_jax.model import weights  # noqa: E402
from vsdpo_jax.model.inputs import ImagePatches, Sequence  # noqa: E402
from vsdpo_jax.model.qwen3vl import split_abstract  # noqa: E402

N, G, P, R, PATCHES = 8, 2, 12, 6, 16


def make_inputs(config, rng):
    """A prefix with an image for each prompt, continuations, and targets."""

    def sequence(branches, length, start, visual):
        shape = (N, branches, length)
        index = np.full(shape, -1, np.int32)
        index[..., 2:6] = np.arange(4) if visual else -1
        positions = np.broadcast_to(np.arange(start, start + length, dtype=np.int32), (3, *shape))
        valid = np.ones(shape, bool)
        valid[1, :, :2] = False
        return Sequence(rng.integers(0, config.text.vocab_size, shape).astype(np.int32), positions.copy(), valid, index)

    patches = (N, 1, PATCHES)
    images = ImagePatches(
        rng.normal(size=(*patches, config.vision.patch_dim)).astype(np.float32),
        rng.random(patches) < 0.9,
        rng.integers(0, config.vision.num_position_embeddings, (*patches, 4)).astype(np.int32),
        rng.random((*patches, 4)).astype(np.float32),
        rng.integers(0, 8, (*patches, 2)).astype(np.int32),
    )
    targets = rng.integers(0, config.text.vocab_size, (N, G, R)).astype(np.int32)
    return {"x": sequence(1, P, 0, True), "y": sequence(G, R, P, False), "images": images, "targets": targets}


def loss_and_logits(graphdef, params, batch):
    model = nnx.merge(graphdef, params)
    visual = model.encode_images(batch["images"])
    _, cache = model.decode(batch["x"], visual)
    hidden, _ = model.decode(batch["y"], visual, prefix=cache)
    logits = hidden @ model.head().T
    logp = jnp.take_along_axis(jax.nn.log_softmax(logits), batch["targets"][..., None], axis=-1)
    return -logp.mean(), logits


def compare(folder: str, meshes: list[str]) -> dict:
    """Largest relative differences per mesh."""
    config, params = weights.load(folder)
    graphdef, _ = split_abstract(config, dtype=jnp.float32, remat="full")
    batch = make_inputs(config, np.random.default_rng(0))

    @jax.jit
    def forward_backward(params, batch):
        return jax.value_and_grad(lambda params: loss_and_logits(graphdef, params, batch), has_aux=True)(params)

    (loss, logits), gradients = jax.device_get(forward_backward(params, batch))
    results = {}
    for sizes in meshes:
        mesh = sharding.make_mesh(*map(int, sizes.split(",")))
        _, split = weights.load(folder, shardings=sharding.parameter_shardings(mesh, config))
        placed = jax.device_put(batch, sharding.batch_shardings(mesh, batch))
        with jax.set_mesh(mesh):
            (split_loss, split_logits), split_gradients = forward_backward(split, placed)
        results[sizes] = {
            "loss": float(abs(split_loss - loss)),
            "logits": float(np.abs(np.asarray(split_logits) - logits).max()),
            "gradients": max(jax.tree.leaves(jax.tree.map(_relative, jax.device_get(split_gradients), gradients))),
            "split": _split_fraction(split),
            "largest_shard": _largest_shard(split),
            "logits_rows": split_logits.addressable_shards[0].data.shape[0],
        }
    return results


def _relative(a, b) -> float:
    return float(np.abs(a - b).max() / (np.abs(b).max() + 1e-12))


def _split_fraction(params) -> float:
    """Share of the parameters' numbers that live on the first device."""
    leaves = jax.tree.leaves(params)
    return sum(leaf.addressable_shards[0].data.size for leaf in leaves) / sum(leaf.size for leaf in leaves)


def _largest_shard(params) -> int:
    return max(leaf.addressable_shards[0].data.size for leaf in jax.tree.leaves(params))


def make_model(folder: str) -> None:
    config = tiny_config(
        {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 3},
        vision={"hidden_size": 32, "intermediate_size": 64, "depth": 2, "deepstack_visual_indexes": (0,)},
    )
    rng = np.random.default_rng(1)
    arrays = {}
    for entry in weights.table(config):
        shape = (len(entry.keys), *entry.shape) if entry.stacked else entry.shape
        centre = 1.0 if entry.path.endswith("scale") else 0.0
        arrays[entry.path] = (centre + 0.1 * rng.normal(size=shape)).astype(np.float32)
    weights.save(folder, config, weights.as_state(config, arrays))


if __name__ == "__main__":
    make_model(sys.argv[1])
    print(json.dumps(compare(sys.argv[1], sys.argv[2:])))
