"""Qwen3-VL: images once, then text as prefill and continuation.

features      = model.encode_images(images)
_, cache      = model.decode(prefix, features)
hidden, _     = model.decode(continuation, features, prefix=cache)
logits        = hidden @ model.head().T
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import nnx

from vsdpo_jax.model.config import Qwen3VLConfig
from vsdpo_jax.model.inputs import Cache, ImagePatches, Sequence, VisualFeatures
from vsdpo_jax.model.text import TextModel
from vsdpo_jax.model.vision import VisionTower


class Qwen3VL(nnx.Module):
    """The whole model.

    Args:
      config: sizes and special tokens.
      rngs: for fresh weights (normal with the config's `initializer_range`).
      dtype: of the computation; softmax, norms and rotary embeddings are float32 whatever it is.
      param_dtype: of the parameters.
      remat: what the backward pass recomputes, a key of `layers.REMAT_POLICIES`.
      attention: one of `attention.IMPLEMENTATIONS`.
    """

    def __init__(
        self,
        config: Qwen3VLConfig,
        *,
        rngs: nnx.Rngs,
        dtype=jnp.bfloat16,
        param_dtype=jnp.float32,
        remat: str = "full",
        attention: str = "auto",
    ):
        self.config = config
        common = {"rngs": rngs, "dtype": dtype, "param_dtype": param_dtype, "remat": remat, "attention": attention}
        self.vision = VisionTower(config.vision, **common)
        self.text = TextModel(config.text, config.num_deepstack_layers, **common)
        if not config.tie_word_embeddings:
            shape, std = (config.text.vocab_size, config.text.hidden_size), config.text.initializer_range
            self.lm_head = nnx.Param(std * jax.random.normal(rngs.params(), shape, param_dtype))

    @jax.named_scope("vision")
    def encode_images(self, images: ImagePatches) -> VisualFeatures:
        """Every image attends to itself only; padding slots come out finite and meaningless."""
        return self.vision(images)

    def decode(
        self, sequence: Sequence, visual: VisualFeatures | None = None, prefix: Cache | None = None
    ) -> tuple[jax.Array, Cache]:
        """Hidden states [N, G, T, D] after the final norm, and the keys and values of this sequence.

        Causal inside the sequence; every token sees all valid tokens of the prefix. `visual` must be given if
        any `visual_index` is not -1.
        """
        x = self.text.embed(sequence.tokens)
        deepstack = None
        if visual is not None:
            index = jnp.asarray(sequence.visual_index)
            x = jnp.where((index >= 0)[..., None], _rows(visual.embeddings, index).astype(x.dtype), x)

            def deepstack(tap):
                rows = _rows(visual.deepstack[tap], index).astype(x.dtype)
                return jnp.where((index >= 0)[..., None], rows, jnp.zeros((), x.dtype))

        return self.text(x, jnp.asarray(sequence.positions), jnp.asarray(sequence.valid), deepstack, prefix)

    def head(self) -> jax.Array:
        """The output matrix [V, D]: the embedding table if it is tied."""
        return self.text.embedding[...] if self.config.tie_word_embeddings else self.lm_head[...]


def abstract_params(config: Qwen3VLConfig, param_dtype=jnp.float32) -> nnx.State:
    """Shapes and dtypes of a model's parameters, without any memory."""
    return split_abstract(config, param_dtype=param_dtype)[1]


def split_abstract(config: Qwen3VLConfig, **options) -> tuple[nnx.GraphDef, nnx.State]:
    """(graph, abstract parameters) of a model; `nnx.merge(graph, params)` gives it real ones."""
    model = nnx.eval_shape(lambda: Qwen3VL(config, rngs=nnx.Rngs(0), **options))
    return nnx.split(model, nnx.Param)


def _rows(features, index):
    """features [N, I * M, D], index int32[N, G, T] -> [N, G, T, D]; index -1 gives some row, to be masked."""
    n, g, t = index.shape
    flat = jnp.maximum(index, 0).reshape(n, g * t, 1)
    return jnp.take_along_axis(features, flat, axis=1).reshape(n, g, t, -1)
