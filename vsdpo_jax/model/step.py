"""Decoding one token per branch against a shared prefix: what the sampler runs in its loop.

The layers are unrolled and every layer has its own key and value buffers, so that a step writes one token in place
and copies nothing.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from vsdpo_jax.model import layers
from vsdpo_jax.model.attention import MASKED
from vsdpo_jax.model.inputs import Cache, DecodingPrefix
from vsdpo_jax.model.qwen3vl import Qwen3VL
from vsdpo_jax.sharding import BATCH, constrain

Array = Any
Branch = list[tuple[Array, Array]]


def decoding_prefix(cache: Cache) -> DecodingPrefix:
    """A prefilled cache with one branch, in the order in which a step multiplies it."""
    keys = [keys for stack in cache.keys for keys in stack]
    values = [values for stack in cache.values for values in stack]
    return DecodingPrefix(
        keys=[constrain(x[:, 0].transpose(0, 2, 3, 1), (BATCH, "tensor")) for x in keys],
        values=[constrain(x[:, 0].transpose(0, 2, 1, 3), (BATCH, "tensor")) for x in values],
        bias=jnp.where(cache.valid[:, :, None, None, :], 0.0, MASKED),
    )


class Stepper:
    """One decoding step of a model after a prefix.

    Args:
      model: its parameters are cast to the compute dtype once, here.
      prefix: of the prompts.
      length: R, the longest response.
    """

    def __init__(self, model: Qwen3VL, prefix: DecodingPrefix, length: int):
        text = model.text
        self.text, self.config, self.prefix, self.length = text, text.config, prefix, length
        self.layers = [layer for name in text.stacks for layer in layers.unstack(getattr(text, name))]

    def empty_branch(self, rows: tuple[int, int]) -> Branch:
        """Keys [N, G, K, A, R] and values [N, G, K, R, A] of each layer, to be filled; `rows` is (N, G)."""
        config = self.config
        shape = (*rows, config.num_key_value_heads)
        keys = jnp.zeros((*shape, config.head_dim, self.length), self.text.dtype)
        values = jnp.zeros((*shape, self.length, config.head_dim), self.text.dtype)
        heads = (BATCH, None, "tensor")
        return [(constrain(keys, heads), constrain(values, heads)) for _ in self.layers]

    def __call__(self, tokens, positions, branch: Branch, index) -> tuple[Array, Branch]:
        """Decodes tokens int32[N, G] at positions int32[N, G], the `index`-th of their branches.

        Returns:
          (hidden [N, G, D] after the final norm, the branch with this token's keys and values).
        """
        x = self.text.embed(tokens)[:, :, None]
        rotation = self.text.rotation(jnp.broadcast_to(positions[..., None], (3, *positions.shape, 1)))
        bias = jnp.where(jnp.arange(self.length) <= index, 0.0, MASKED)
        filled = []
        for number, layer in enumerate(self.layers):

            def attend(query, key, value, number=number):
                keys, values = branch[number]
                keys = jax.lax.dynamic_update_slice(keys, key[:, :, 0, :, :, None], (0, 0, 0, 0, index))
                values = jax.lax.dynamic_update_slice(values, value.swapaxes(2, 3), (0, 0, 0, index, 0))
                return self._attend(query[:, :, 0], keys, values, bias, number), (keys, values)

            x, key_value = layer(x, rotation, attend)
            filled.append(key_value)
        return self.text.norm(x)[:, :, 0], filled

    def _attend(self, query, keys, values, bias, number):
        """query [N, G, H, A] against the prefix and the branch so far -> [N, G, 1, H, A]."""
        n, g, h, a = query.shape
        k = self.config.num_key_value_heads
        query = (query.astype(jnp.float32) * a**-0.5).astype(query.dtype).reshape(n, g, k, h // k, a)
        wide = {"preferred_element_type": jnp.float32}
        before = jnp.einsum("ngkea,nkap->nkgep", query, self.prefix.keys[number], **wide) + self.prefix.bias
        own = jnp.einsum("ngkea,ngkar->ngker", query, keys, **wide) + bias
        highest = jnp.maximum(before.max(-1).swapaxes(1, 2), own.max(-1))[..., None]
        before, own = jnp.exp(before - highest.swapaxes(1, 2)), jnp.exp(own - highest)
        total = before.sum(-1, keepdims=True).swapaxes(1, 2) + own.sum(-1, keepdims=True)
        weighted = jnp.einsum("nkgep,nkpa->ngkea", before.astype(query.dtype), self.prefix.values[number], **wide)
        weighted += jnp.einsum("ngker,ngkra->ngkea", own.astype(query.dtype), values, **wide)
        return (weighted / total).astype(query.dtype).reshape(n, g, 1, h, a)
