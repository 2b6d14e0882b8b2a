"""Gradient accumulation: the gradient of a step from parts of its batch, in one `lax.scan`.

A part has some of the prompts and, of these, all rollouts or some. Rollouts of a prompt in several parts each read the
prompt again, a small share of the work, where one prompt's rollouts would keep more activations than a chip holds.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from vsdpo_jax.model.inputs import Sequence
from vsdpo_jax.pack import PackedBatch

_REDUCTIONS = {"min": jnp.min, "max": jnp.max}
_BY_ROLLOUT = (
    "targets_ngr",
    "response_ngr",
    "distil_ng",
    "policy_ng",
    "weights_ngr",
    "sampler_logp_ngr",
    "advantages_ng",
    "old_logp_ngr",
    "shortened_ng",
    "revision_weights_ngr",
)


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


def split_rollouts(batch: PackedBatch, parts: int, tokens_per_image: int) -> PackedBatch:
    """[N, G, …] to [parts, N, G / parts, …]; every part has the prompt, its images, and its own rollouts' renders.

    Args:
      tokens_per_image: visual tokens of an image slot, in which `visual_index` counts.
    """
    if parts == 1:
        return jax.tree.map(lambda array: array[None], batch)
    size = batch.targets_ngr.shape[1] // parts
    slots = 0 if batch.images is None else batch.images.valid.shape[1] - batch.targets_ngr.shape[1]

    def rows(array, axis=1):
        shape = (*array.shape[:axis], parts, size, *array.shape[axis + 1 :])
        return jnp.moveaxis(array.reshape(shape), axis, 0)

    def pictures(array):
        shared = jnp.broadcast_to(array[:, :slots], (parts, array.shape[0], slots, *array.shape[2:]))
        return jnp.concatenate([shared, rows(array[:, slots:])], axis=2)

    def sequence(given: Sequence) -> Sequence:
        # Renders of earlier parts are not there to be counted.
        earlier = tokens_per_image * size * jnp.arange(parts, dtype=jnp.int32)[:, None, None, None]
        index = rows(given.visual_index)
        index = jnp.where(index >= slots * tokens_per_image, index - earlier, index)
        return Sequence(rows(given.tokens), rows(given.positions, 2), rows(given.valid), index)

    fields = {name: getattr(batch, name) for name in _BY_ROLLOUT}
    return dataclasses.replace(
        batch,
        images=jax.tree.map(pictures, batch.images),
        prefix=jax.tree.map(lambda array: jnp.broadcast_to(array, (parts, *array.shape)), batch.prefix),
        student=sequence(batch.student),
        teacher=sequence(batch.teacher),
        **{name: rows(array) for name, array in fields.items() if array is not None},
    )


def join_rollouts(array: jax.Array) -> jax.Array:
    """The inverse of `split_rollouts` for an array [parts, n, g, …]."""
    return jnp.swapaxes(array, 0, 1).reshape(array.shape[1], -1, *array.shape[3:])


def combine_metrics(metrics: dict[str, jax.Array]) -> dict[str, jax.Array]:
    """Metrics of the parts [parts] to those of the whole: sums, but the least of `…/min` and the largest of `…/max`."""
    return {name: _REDUCTIONS.get(name.rpartition("/")[2], jnp.sum)(values, axis=0) for name, values in metrics.items()}


def accumulated(
    gradient: Callable, params: Any, batch: PackedBatch, parts: int, rollout_parts: int = 1, tokens_per_image: int = 0
):
    """(gradient, metrics, per token) of the whole batch.

    Args:
      gradient: (params, batch) -> (gradient, (metrics, {name: float32[n, G, R]})), each a share of the whole step's.
      parts: micro-batches of prompts; divides their number.
      rollout_parts: of each of these; divides the rollouts of a prompt.
      tokens_per_image: as in `split_rollouts`.
    """
    if parts * rollout_parts == 1:
        grads, (metrics, per_token) = gradient(params, batch)
        return grads, metrics, per_token

    def body(grads, part):
        more, (metrics, per_token) = gradient(params, part)
        return jax.tree.map(jnp.add, grads, more), (metrics, per_token)

    of_rollouts = functools.partial(split_rollouts, parts=rollout_parts, tokens_per_image=tokens_per_image)
    split = jax.vmap(of_rollouts)(split_prompts(batch, parts))
    flat = jax.tree.map(lambda array: array.reshape(-1, *array.shape[2:]), split)
    zeros = jax.tree.map(jnp.zeros_like, params)
    grads, (metrics, per_token) = jax.lax.scan(body, zeros, flat)

    def join(array):
        return join_prompts(jax.vmap(join_rollouts)(array.reshape(parts, rollout_parts, *array.shape[1:])))

    return grads, combine_metrics(metrics), jax.tree.map(join, per_token)
