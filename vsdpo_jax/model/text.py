"""The text decoder: DeepStack layers first, unrolled; the rest one `lax.scan`."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import nnx

from vsdpo_jax.model import layers, rope
from vsdpo_jax.model.attention import attention
from vsdpo_jax.model.config import TextConfig
from vsdpo_jax.model.inputs import Cache
from vsdpo_jax.sharding import constrain, constrain_rows


class TextLayer(nnx.Module):
    """Pre-norm decoder layer with grouped-query attention and a gated MLP."""

    def __init__(self, config: TextConfig, *, dtype, param_dtype, rngs):
        d, a = config.hidden_size, config.head_dim
        h, k, f = config.num_attention_heads, config.num_key_value_heads, config.intermediate_size
        common = {
            "std": config.initializer_range,
            "bias": False,
            "dtype": dtype,
            "param_dtype": param_dtype,
            "rngs": rngs,
        }
        norm = {"epsilon": config.rms_norm_eps, "param_dtype": param_dtype}
        self.attention_norm = layers.RMSNorm(d, **norm)
        self.q_proj = layers.Kernel([d], [h, a], **common)
        self.k_proj = layers.Kernel([d], [k, a], **common)
        self.v_proj = layers.Kernel([d], [k, a], **common)
        self.o_proj = layers.Kernel([h, a], [d], **common)
        self.q_norm = layers.RMSNorm(a, **norm)
        self.k_norm = layers.RMSNorm(a, **norm)
        self.mlp_norm = layers.RMSNorm(d, **norm)
        self.gate_proj = layers.Kernel([d], [f], **common)
        self.up_proj = layers.Kernel([d], [f], **common)
        self.down_proj = layers.Kernel([f], [d], **common)

    def __call__(self, x, rotation, attend):
        """x [N, G, T, D] -> (x, whatever `attend(query, key, value)` returns besides its output)."""
        y = self.attention_norm(x)
        query = rope.rotate(self.q_norm(self.q_proj(y)), *rotation)
        key = rope.rotate(self.k_norm(self.k_proj(y)), *rotation)
        y, kept = attend(query, key, self.v_proj(y))
        x = constrain_rows(x + self.o_proj(y))
        y = self.mlp_norm(x)
        return constrain_rows(x + self.down_proj(jax.nn.silu(self.gate_proj(y)) * self.up_proj(y))), kept


class TextModel(nnx.Module):
    """Embedding table, two stacks of layers (with and without DeepStack features) and the final norm."""

    def __init__(
        self, config: TextConfig, num_deepstack_layers: int, *, rngs, dtype, param_dtype, remat: str, attention: str
    ):
        self.config, self.dtype, self.remat, self.attention = config, dtype, remat, attention
        table = (config.vocab_size, config.hidden_size)
        self.embedding = nnx.Param(config.initializer_range * jax.random.normal(rngs.params(), table, param_dtype))
        depths = {
            "deepstack_layers": num_deepstack_layers,
            "layers": config.num_hidden_layers - num_deepstack_layers,
        }
        self.stacks = tuple(name for name, depth in depths.items() if depth)
        for name in self.stacks:
            create = lambda rngs: TextLayer(config, dtype=dtype, param_dtype=param_dtype, rngs=rngs)  # noqa: E731
            setattr(self, name, layers.stack(create, depths[name], rngs))
        self.norm = layers.RMSNorm(config.hidden_size, epsilon=config.rms_norm_eps, param_dtype=param_dtype)

    def embed(self, tokens):
        # A row cannot be looked up where its columns are elsewhere: gather the columns, keep the vocabulary split.
        table = constrain(self.embedding[...].astype(self.dtype), ("tensor", None))
        return constrain_rows(table[tokens])

    def rotation(self, positions):
        config = self.config
        return rope.text_rotation(positions, config.mrope_section, config.head_dim, config.rope_theta)

    def __call__(self, x, positions, valid, deepstack=None, prefix: Cache | None = None):
        """Decodes embedded tokens.

        Args:
          x: [N, G, T, D].
          positions: int32[3, N, G, T].
          valid: bool[N, G, T].
          deepstack: None, or a function of the tap's index that gives what to add [N, G, T, D] after that layer.
          prefix: keys and values of what comes before, with 1 or G branches.

        Returns:
          (hidden [N, G, T, D] after the final norm, Cache of these tokens).
        """
        rotation = self.rotation(positions)

        def layer_step(layer, x, before):
            seen = None if before is None else (*before, prefix.valid)

            def attend(query, key, value):
                y = attention(query, key, value, valid, causal=True, prefix=seen, implementation=self.attention)
                return y, (key, value)

            return layer(x, rotation, attend)

        kept = []
        for number, name in enumerate(self.stacks):
            before = None if prefix is None else (prefix.keys[number], prefix.values[number])
            if name == "deepstack_layers":
                x, key_value = self._unrolled(layer_step, x, before, deepstack)
            else:
                x, key_value = layers.scan(self.layers, x, layer_step, before, remat=self.remat)
            kept.append(key_value)
        keys, values = zip(*kept, strict=True)
        return self.norm(x), Cache(keys, values, valid)

    def _unrolled(self, layer_step, x, before, deepstack):
        kept = []
        for index, layer in enumerate(layers.unstack(self.deepstack_layers)):
            graphdef, params = nnx.split(layer)

            def apply(params, x, before, graphdef=graphdef):
                return layer_step(nnx.merge(graphdef, params), x, before)

            own_before = jax.tree.map(lambda leaf, index=index: leaf[index], before)
            x, key_value = layers.rematerialised(apply, self.remat)(params, x, own_before)
            if deepstack is not None:
                x = x + deepstack(index)
            kept.append(key_value)
        return x, jax.tree.map(lambda *leaves: jnp.stack(leaves), *kept)
