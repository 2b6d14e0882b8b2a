"""Gradient accumulation: the gradient of a step from micro-batches of its prompts, in one `lax.scan`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from vsdpo_jax.pack import PackedBatch

_REDUCTIONS = {"min": jnp.min, "max": jnp.max}


def split_prompts(batch: PackedBatch, parts: int) -> PackedBatch:
    """[N, …] to [parts, N / parts, …], each part taking every parts-th prompt so that no shard is moved."""

    def split(axis, array):
        shape = (*array.shape[:axis], array.shape[axis] // parts, parts, *array.shape[axis + 1 :])
        return jnp.moveaxis(array.reshape(shape), axis + 1, 0)

    def is_positions(path):
        return any(getattr(key, "name", None) == "positions" for key in path)

    return jax.tree_util.tree_map_with_path(lambda path, array: split(1 if is_positions(path) else 0, array), batch)


def join_prompts(array: jax.Array) -> jax.Array:
    """The inverse of `split_prompts` for an array whose prompts come first: [parts, n, …] to [parts n, …]."""
    return jnp.swapaxes(array, 0, 1).reshape(-1, *array.shape[2:])


def combine_metrics(metrics: dict[str, jax.Array]) -> dict[str, jax.Array]:
    """Metrics of the parts [parts] to those of the whole: sums, but the least of `…/min` and the largest of `…/max`."""
    return {name: _REDUCTIONS.get(name.rpartition("/")[2], jnp.sum)(values, axis=0) for name, values in metrics.items()}


def accumulated(gradient: Callable, params: Any, batch: PackedBatch, parts: int):
    """(gradient, metrics, per token) of the whole batch.

    Args:
      gradient: (params, batch) -> (gradient, (metrics, {name: float32[n, G, R]})), each a share of the whole step's.
      parts: micro-batches; divides the number of prompts.
    """
    if parts == 1:
        grads, (metrics, per_token) = gradient(params, batch)
        return grads, metrics, per_token

    def body(grads, part):
        more, (metrics, per_token) = gradient(params, part)
        return jax.tree.map(jnp.add, grads, more), (metrics, per_token)

    zeros = jax.tree.map(jnp.zeros_like, params)
    grads, (metrics, per_token) = jax.lax.scan(body, zeros, split_prompts(batch, parts))
    return grads, combine_metrics(metrics), jax.tree.map(join_prompts, per_token)
