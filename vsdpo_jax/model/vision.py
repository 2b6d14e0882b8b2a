"""The vision tower: patches of every image to merged tokens, and one DeepStack feature map per tap."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import nnx

from vsdpo_jax.model import layers, rope
from vsdpo_jax.model.attention import attention
from vsdpo_jax.model.config import VisionConfig
from vsdpo_jax.model.inputs import ImagePatches, VisualFeatures
from vsdpo_jax.sharding import constrain_rows


class VisionBlock(nnx.Module):
    """Pre-norm transformer block with bidirectional attention inside each image."""

    def __init__(self, config: VisionConfig, *, dtype, param_dtype, rngs):
        width, std = config.hidden_size, config.initializer_range
        common = {"std": std, "bias": True, "dtype": dtype, "param_dtype": param_dtype, "rngs": rngs}
        self.norm1 = layers.LayerNorm(width, param_dtype=param_dtype)
        self.qkv = layers.Kernel([width], [3, config.num_heads, config.head_dim], **common)
        self.proj = layers.Kernel([config.num_heads, config.head_dim], [width], **common)
        self.norm2 = layers.LayerNorm(width, param_dtype=param_dtype)
        self.fc1 = layers.Kernel([width], [config.intermediate_size], **common)
        self.fc2 = layers.Kernel([config.intermediate_size], [width], **common)

    def __call__(self, x, valid, rotation, implementation: str):
        """x [N, I, S, W], valid bool[N, I, S] -> [N, I, S, W]."""
        query, key, value = jnp.moveaxis(self.qkv(self.norm1(x)), -3, 0)
        query, key = rope.rotate(query, *rotation), rope.rotate(key, *rotation)
        x = constrain_rows(
            x + self.proj(attention(query, key, value, valid, causal=False, implementation=implementation))
        )
        return constrain_rows(x + self.fc2(jax.nn.gelu(self.fc1(self.norm2(x)), approximate=True)))


class Merger(nnx.Module):
    """Joins `merge_unit` neighbouring patches into one token of the text width.

    The final merger normalises patches before joining them, the DeepStack ones after.
    """

    def __init__(self, config: VisionConfig, *, norm_after: bool, dtype, param_dtype, rngs):
        self.norm_after = norm_after
        self.width = config.hidden_size * config.merge_unit
        common = {
            "std": config.initializer_range,
            "bias": True,
            "dtype": dtype,
            "param_dtype": param_dtype,
            "rngs": rngs,
        }
        self.norm = layers.LayerNorm(self.width if norm_after else config.hidden_size, param_dtype=param_dtype)
        self.fc1 = layers.Kernel([self.width], [self.width], **common)
        self.fc2 = layers.Kernel([self.width], [config.out_hidden_size], **common)

    def __call__(self, x):
        """[N, I, S, W] -> [N, I, M, D]."""
        joined = (*x.shape[:-2], -1, self.width)
        x = self.norm(x.reshape(joined)) if self.norm_after else self.norm(x).reshape(joined)
        return self.fc2(jax.nn.gelu(self.fc1(x), approximate=False))


class VisionTower(nnx.Module):
    """Blocks are stacked in segments that end at the DeepStack taps; each segment is one `lax.scan`."""

    def __init__(self, config: VisionConfig, *, rngs, dtype, param_dtype, remat: str, attention: str):
        self.config, self.dtype, self.remat, self.attention = config, dtype, remat, attention
        common = {"dtype": dtype, "param_dtype": param_dtype}
        std = config.initializer_range
        self.patch_embed = layers.Kernel(
            [config.patch_dim], [config.hidden_size], std=std, bias=True, rngs=rngs, **common
        )
        table = (config.num_position_embeddings, config.hidden_size)
        self.position_embedding = nnx.Param(std * jax.random.normal(rngs.params(), table, param_dtype))
        for index, depth in enumerate(config.segments):
            if depth:
                blocks = layers.stack(lambda rngs: VisionBlock(config, rngs=rngs, **common), depth, rngs)
                setattr(self, f"segment_{index}", blocks)
        self.merger = Merger(config, norm_after=False, rngs=rngs, **common)
        for index in range(len(config.deepstack_visual_indexes)):
            setattr(self, f"deepstack_merger_{index}", Merger(config, norm_after=True, rngs=rngs, **common))

    def __call__(self, images: ImagePatches) -> VisualFeatures:
        rotation = rope.vision_rotation(images.rotary, self.config.head_dim, self.config.rope_theta)
        x = constrain_rows(self.patch_embed(jnp.asarray(images.patches)) + self._positions(images))
        taps = []
        for index, depth in enumerate(self.config.segments):
            if depth:
                x, _ = layers.scan(
                    getattr(self, f"segment_{index}"),
                    x,
                    lambda block, x, _: (block(x, images.valid, rotation, self.attention), None),
                    remat=self.remat,
                )
            if index < len(self.config.deepstack_visual_indexes):
                taps.append(_per_prompt(getattr(self, f"deepstack_merger_{index}")(x)))
        embeddings = _per_prompt(self.merger(x))
        deepstack = jnp.stack(taps) if taps else jnp.zeros((0, *embeddings.shape), embeddings.dtype)
        return VisualFeatures(embeddings, deepstack)

    def _positions(self, images: ImagePatches):
        table = self.position_embedding[...].astype(jnp.float32)
        rows = table[images.position_index] * jnp.asarray(images.position_weight)[..., None]
        return rows.sum(-2).astype(self.dtype)


def _per_prompt(x):
    """[N, I, M, D] -> [N, I * M, D]."""
    return constrain_rows(x.reshape(x.shape[0], -1, x.shape[-1]))
