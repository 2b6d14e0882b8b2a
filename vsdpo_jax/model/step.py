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
from vsdpo_jax.model.inputs import Cache
from vsdpo_jax.model.qwen3vl import Qwen3VL

Array = Any
Branch = list[tuple[Array, Array]]


class Stepper:
    """One decoding step of a model after a prefix.

    Args:
      model: its parameters are cast to the compute dtype once, here.
      prefix: Cache of the prompts, one branch each.
      branches: G.
      length: R, the longest response.
    """

    def __init__(self, model: Qwen3VL, prefix: Cache, branches: int, length: int):
        text = model.text
        self.text, self.config, self.length = text, text.config, length
        self.layers = [layer for name in text.stacks for layer in layers.unstack(getattr(text, name))]
        flat = [stack[i] for stack in prefix.keys for i in range(stack.shape[0])]
        # [N, 1, P, K, A] to [N, K, A, P] and [N, K, P, A]: the orders in which a step multiplies them.
        self.prefix_keys = [keys[:, 0].transpose(0, 2, 3, 1) for keys in flat]
        flat = [stack[i] for stack in prefix.values for i in range(stack.shape[0])]
        self.prefix_values = [values[:, 0].transpose(0, 2, 1, 3) for values in flat]
        self.prefix_bias = jnp.where(prefix.valid[:, :, None, None, :], 0.0, MASKED)
        self.rows = (prefix.valid.shape[0], branches)

    def empty_branch(self) -> Branch:
        """Keys [N, G, K, A, R] and values [N, G, K, R, A] of each layer, to be filled."""
        config = self.config
        shape = (*self.rows, config.num_key_value_heads)
        keys = jnp.zeros((*shape, config.head_dim, self.length), self.text.dtype)
        values = jnp.zeros((*shape, self.length, config.head_dim), self.text.dtype)
        return [(keys, values) for _ in self.layers]

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
        before = jnp.einsum("ngkea,nkap->nkgep", query, self.prefix_keys[number], **wide) + self.prefix_bias
        own = jnp.einsum("ngkea,ngkar->ngker", query, keys, **wide) + bias
        highest = jnp.maximum(before.max(-1).swapaxes(1, 2), own.max(-1))[..., None]
        before, own = jnp.exp(before - highest.swapaxes(1, 2)), jnp.exp(own - highest)
        total = before.sum(-1, keepdims=True).swapaxes(1, 2) + own.sum(-1, keepdims=True)
        weighted = jnp.einsum("nkgep,nkpa->ngkea", before.astype(query.dtype), self.prefix_values[number], **wide)
        weighted += jnp.einsum("ngker,ngkra->ngkea", own.astype(query.dtype), values, **wide)
        return (weighted / total).astype(query.dtype).reshape(n, g, 1, h, a)
