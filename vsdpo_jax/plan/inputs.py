"""The arrays of a run as shapes: what the jitted functions are compiled for, without any memory."""

from __future__ import annotations

import dataclasses
import typing

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from vsdpo_jax.model.config import Qwen3VLConfig
from vsdpo_jax.model.inputs import ImagePatches, Sequence
from vsdpo_jax.pack import PackedBatch

# `<|im_start|>assistant\n` in the tokenizer that all published sizes share.
HEADER = 3


@dataclasses.dataclass(frozen=True)
class Shapes:
    """The shapes of one config; every method gives `jax.ShapeDtypeStruct`s as `pack.Packer` gives arrays."""

    config: ConfigDict
    model: Qwen3VLConfig

    def images(self, prompts: int, slots: int) -> ImagePatches:
        of = self._rows(prompts, slots, self.config.lengths.patches)
        return ImagePatches(
            patches=of(jnp.float32, self.model.vision.patch_dim),
            valid=of(bool),
            position_index=of(jnp.int32, 4),
            position_weight=of(jnp.float32, 4),
            rotary=of(jnp.int32, 2),
        )

    def sequence(self, prompts: int, branches: int, length: int) -> Sequence:
        of = self._rows(prompts, branches, length)
        positions = jax.ShapeDtypeStruct((3, prompts, branches, length), jnp.int32)
        return Sequence(of(jnp.int32), positions, of(bool), of(jnp.int32))

    def prompts(self):
        """What the sampler reads for one chunk: (prefix, images, keys, rows)."""
        config, count = self.config, self.config.batch.prompts // self.config.sampling.chunks
        prefix = self.sequence(count, 1, config.lengths.prefix + HEADER)
        keys = jax.eval_shape(lambda: jax.random.split(jax.random.key(0), count))
        rows = self._rows(count, config.batch.group)(jnp.int32)
        return prefix, self.images(count, config.lengths.images), keys, rows

    def batch(self) -> PackedBatch:
        """What an update reads."""
        lengths, n, g = self.config.lengths, self.config.batch.prompts, self.config.batch.group
        per_token, per_rollout = self._rows(n, g, lengths.response), self._rows(n, g)
        optional = {
            name for name, kind in typing.get_type_hints(PackedBatch).items() if type(None) in typing.get_args(kind)
        }
        known = {
            "images": self.images(n, lengths.images + g),
            "prefix": self.sequence(n, 1, lengths.prefix),
            "student": self.sequence(n, g, HEADER + lengths.response),
            "teacher": self.sequence(n, g, lengths.feedback + lengths.response),
            "targets_ngr": per_token(jnp.int32),
            "response_ngr": per_token(bool),
            "distil_ng": per_rollout(bool),
            "policy_ng": per_rollout(bool),
            "weights_ngr": per_token(jnp.float32),
            "sampler_logp_ngr": per_token(jnp.float32),
            "advantages_ng": per_rollout(jnp.float32),
        }
        missing = {field.name for field in dataclasses.fields(PackedBatch)} - set(known) - optional
        if missing:
            raise TypeError(f"PackedBatch has fields that plans do not know: {', '.join(sorted(missing))}")
        return PackedBatch(**known)

    def full_batch(self) -> PackedBatch:
        """The batch in which nothing is padding, with what counting work reads: masks as NumPy arrays."""
        shapes = self.batch()
        return jax.tree.map(lambda x: np.broadcast_to(np.ones((), bool), x.shape) if x.dtype == bool else x, shapes)

    def _rows(self, *rows: int):
        return lambda dtype, *more: jax.ShapeDtypeStruct((*rows, *more), dtype)


def placed(tree, shardings):
    """Shapes with where they live."""
    return jax.tree.map(lambda x, s: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=s), tree, shardings)


def bytes_per_chip(tree) -> int:
    """Bytes of the placed shapes on the fullest chip."""
    return sum(
        int(np.prod(leaf.sharding.shard_shape(leaf.shape), dtype=np.int64)) * leaf.dtype.itemsize
        for leaf in jax.tree.leaves(tree)
    )
