"""The arrays that go into and come out of the model. Every class is a JAX pytree; arrays may be NumPy or JAX."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax

Array = Any


def _pytree(cls):
    return jax.tree_util.register_dataclass(dataclasses.dataclass(frozen=True)(cls))


@_pytree
class Sequence:
    """Tokens of N prompts with G branches each (a prefix has G = 1).

    Attributes:
      tokens: int32[N, G, T].
      positions: int32[3, N, G, T], the M-RoPE time, height and width positions.
      valid: bool[N, G, T]; padding may be on either side, or both.
      visual_index: int32[N, G, T], -1 for text, else the row of the prompt's merged visual tokens
        (`image slot * M + m`) that takes the token's place.
    """

    tokens: Array
    positions: Array
    valid: Array
    visual_index: Array


@_pytree
class ImagePatches:
    """Every distinct image once, padded to I slots of S patches (all computed on the host).

    Attributes:
      patches: float32[N, I, S, C], flattened patches in merge order (each run of `merge_unit` is one token).
      valid: bool[N, I, S].
      position_index: int32[N, I, S, 4], rows of the learned position table to interpolate between.
      position_weight: float32[N, I, S, 4], their weights.
      rotary: int32[N, I, S, 2], the height and width position of each patch.
    """

    patches: Array
    valid: Array
    position_index: Array
    position_weight: Array
    rotary: Array


@_pytree
class VisualFeatures:
    """The vision tower's answer.

    Attributes:
      embeddings: [N, I * M, D], merged tokens that replace the image placeholders.
      deepstack: [taps, N, I * M, D], added at the same places after the first text layers.
    """

    embeddings: Array
    deepstack: Array


@_pytree
class Cache:
    """Keys (rotated) and values of a decoded sequence.

    Attributes:
      keys, values: one array [layers, N, G, T, K, A] for each stack of text layers (`TextModel.stacks`).
      valid: bool[N, G, T].
    """

    keys: tuple[Array, ...]
    values: tuple[Array, ...]
    valid: Array


@_pytree
class DecodingPrefix:
    """The keys and values of prefilled prompts, in the order in which decoding multiplies them.

    Attributes:
      keys: [N, K, A, P] of each layer.
      values: [N, K, P, A] of each layer.
      bias: float32[N, 1, 1, 1, P], 0 where a token may be seen.
    """

    keys: list[Array]
    values: list[Array]
    bias: Array
