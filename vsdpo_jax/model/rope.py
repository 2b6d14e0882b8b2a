"""Rotary embeddings: interleaved three-axis (M-RoPE) for text, two-axis for image patches. Always in float32."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np


def inverse_frequencies(size: int, theta: float) -> np.ndarray:
    """float32[size / 2]: theta ** (-2 j / size)."""
    return (1.0 / theta ** (np.arange(0, size, 2, dtype=np.float32) / np.float32(size))).astype(np.float32)


def mrope_axes(section: tuple[int, int, int]) -> np.ndarray:
    """int32[A / 2]: which of the time (0), height (1), width (2) positions each frequency turns with.

    Interleaved as in Qwen3-VL: t h w t h w ..., and t alone once height and width have had their share.
    """
    frequency = np.arange(sum(section))
    axis = frequency % 3
    share = 3 * np.asarray(section)[axis]
    return np.where((axis > 0) & (frequency < share), axis, 0).astype(np.int32)


def text_rotation(positions, section: tuple[int, int, int], head_dim: int, theta: float):
    """cos and sin float32[..., A / 2] of M-RoPE positions int32[3, ...]."""
    by_frequency = jnp.moveaxis(jnp.asarray(positions)[mrope_axes(section)], 0, -1)
    angles = by_frequency.astype(jnp.float32) * inverse_frequencies(head_dim, theta)
    return jnp.cos(angles), jnp.sin(angles)


def vision_rotation(positions, head_dim: int, theta: float):
    """cos and sin float32[..., A / 2] of patch positions int32[..., 2]: half the frequencies each for h and w."""
    angles = jnp.asarray(positions).astype(jnp.float32)[..., None] * inverse_frequencies(head_dim // 2, theta)
    angles = angles.reshape(*angles.shape[:-2], head_dim // 2)
    return jnp.cos(angles), jnp.sin(angles)


def rotate(x, cos, sin):
    """Turns x[..., heads, A] by cos, sin [..., A / 2]; computed in float32, returned in the dtype of x."""
    first, second = jnp.split(x.astype(jnp.float32), 2, axis=-1)
    cos, sin = cos[..., None, :], sin[..., None, :]
    return jnp.concatenate([first * cos - second * sin, second * cos + first * sin], axis=-1).astype(x.dtype)
