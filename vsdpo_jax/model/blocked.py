"""Attention in blocks of queries that fit into a cache, with a backward pass that recomputes the scores.

What `attention.reference_attention` computes, for CPUs and GPUs. Scores are never kept: the forward pass stores one
log-sum-exp per query, the backward pass makes each block's weights again (as in FlashAttention, arXiv 2205.14135). Keys
that causality hides from a whole block are not multiplied. Scores lie as [keys, queries], so that reductions over keys
run along whole rows of queries and no large array is ever transposed.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from vsdpo_jax.model.attention import MASKED

# Bytes of one block's scores. On a CPU they should stay in its cache; a GPU wants enough work for all of its units.
BLOCK_BYTES = {"cpu": 1 << 21, "gpu": 1 << 28}
SMALLEST_BLOCK = 16


class _Settings(NamedTuple):
    """`queries` tokens of a sequence are one block; `prompts` and `branches` are computed together.

    `share` query heads read one key head.
    """

    causal: bool
    share: int
    queries: int
    prompts: int
    branches: int


class _Keys(NamedTuple):
    """A set of keys: key and value [N, G or 1, K, S, A], bias float32[N, G or 1, 1, S, 1]."""

    key: jax.Array
    value: jax.Array
    bias: jax.Array


def blocked_attention(query, key, value, valid, *, causal: bool, prefix=None, block_bytes: int | None = None):
    """As `attention.attention`. `block_bytes` is the size of a block's scores; None: right for the default device."""
    n, g, t, h, a = query.shape
    k = key.shape[3]
    if block_bytes is None:
        block_bytes = BLOCK_BYTES.get(jax.default_backend(), BLOCK_BYTES["gpu"])
    settings = _settings(query.shape, h // k, 0 if prefix is None else prefix[0].shape[2], causal, block_bytes)
    # [N, G, K, A, T * E]: the queries that share a key head are columns of one matrix.
    columns = (query.astype(jnp.float32) * a**-0.5).astype(query.dtype).reshape(n, g, t, k, h // k, a)
    columns = columns.transpose(0, 1, 3, 5, 2, 4).reshape(n, g, k, a, -1)
    own, shared = (_head_major(key, value, valid),), ()
    if prefix is not None and prefix[0].shape[1] == g:
        own += (_head_major(*prefix),)
    elif prefix is not None:
        shared = (_head_major(*prefix),)
    out = _attention(settings, columns, own, shared)
    return out.reshape(n, g, k, a, t, h // k).transpose(0, 1, 4, 2, 5, 3).reshape(n, g, t, h, a)


def _settings(shape, share: int, before: int, causal: bool, block_bytes: int) -> _Settings:
    n, g, t, h, _ = shape
    row = 4 * h * (t + before)
    blocks = math.ceil(t / max(SMALLEST_BLOCK, block_bytes // row))
    queries = math.ceil(t / blocks)
    at_once = block_bytes // (row * queries)
    branches = _largest_divisor(g, at_once)
    prompts = _largest_divisor(n, at_once // branches) if branches == g else 1
    if jax.sharding.get_abstract_mesh().size > 1:
        # Prompts may lie on different devices: every device computes its own at the same time.
        prompts = n
    return _Settings(causal, share, queries, prompts, branches)


def _largest_divisor(number: int, limit: int) -> int:
    return next(d for d in range(max(1, min(number, limit)), 0, -1) if number % d == 0)


def _head_major(key, value, valid) -> _Keys:
    bias = jnp.where(valid, 0.0, MASKED)[:, :, None, :, None]
    return _Keys(key.transpose(0, 1, 3, 2, 4), value.transpose(0, 1, 3, 2, 4), bias)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _attention(settings, query, own, shared):
    return _forward(settings, query, own, shared)[0]


def _forward(settings, query, own, shared):
    def step(arrays, shared):
        query, own = arrays
        return _rows_forward(settings, query, own + shared), ()

    (out, lse), _ = _over_rows(settings, step, (query, own), shared)
    return out, (query, own, shared, out, lse)


def _backward(settings, saved, gradient):
    query, own, shared, out, lse = saved
    overlap = (gradient.astype(jnp.float32) * out.astype(jnp.float32)).sum(3, keepdims=True)

    def step(arrays, shared):
        query, own, *rest = arrays
        d_query, d_sets = _rows_backward(settings, query, own + shared, *rest)
        return (d_query, _cast(d_sets[: len(own)], own)), d_sets[len(own) :]

    (d_query, d_own), d_shared = _over_rows(settings, step, (query, own, gradient, lse, overlap), shared)
    return d_query, d_own, _cast(d_shared, shared)


_attention.defvjp(_forward, _backward)


def _cast(tree, like):
    return jax.tree.map(lambda x, y: x.astype(y.dtype), tree, like)


def _over_rows(settings: _Settings, step: Callable, arrays: Any, shared: Any):
    """Calls `step(arrays, shared)` for some prompts and branches at a time.

    Args:
      step: returns what belongs to these branches, and what to add up over the branches of a prompt.
      arrays: tree of [N, G, ...].
      shared: tree of [N, 1, ...].

    Returns:
      The two results of `step`, joined.
    """

    def some_prompts(_, chunk):
        arrays, shared = chunk

        def some_branches(total, arrays):
            joined, added = step(arrays, shared)
            return jax.tree.map(jnp.add, total, added), joined

        split = jax.tree.map(
            lambda x: jnp.moveaxis(x.reshape(x.shape[0], -1, settings.branches, *x.shape[2:]), 1, 0), arrays
        )
        first = jax.tree.map(lambda x: x[0], split)
        zeros = jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), jax.eval_shape(step, first, shared)[1])
        total, joined = jax.lax.scan(some_branches, zeros, split)
        joined = jax.tree.map(lambda x: jnp.moveaxis(x, 0, 1).reshape(x.shape[1], -1, *x.shape[3:]), joined)
        return None, (joined, total)

    split = jax.tree.map(lambda x: x.reshape(-1, settings.prompts, *x.shape[1:]), (arrays, shared))
    _, results = jax.lax.scan(some_prompts, None, split)
    return jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), results)


def _blocks(settings: _Settings, tokens: int):
    """(first, last) token of each block of queries, and how many of its own sequence's keys the block sees."""
    for first in range(0, tokens, settings.queries):
        last = min(first + settings.queries, tokens)
        yield first, last, last if settings.causal else tokens


def _product(first, second):
    return jnp.matmul(first, second, preferred_element_type=jnp.float32)


def _fold(x, branches: int):
    """[n, g, K, r, B] -> [n, branches, K, r, g / branches * B]: branches that read the same keys become columns."""
    n, g, k, r, b = x.shape
    return x if branches == g else x.transpose(0, 2, 3, 1, 4).reshape(n, 1, k, r, g * b)


def _unfold(x, g: int):
    n, branches, k, r, b = x.shape
    return x if branches == g else x.reshape(n, k, r, g, b // g).transpose(0, 3, 1, 2, 4)


def _scores(settings: _Settings, query, keys: _Keys, first: int, seen: int | None):
    """float32[n, G or 1, K, S, columns]; `seen`: the keys are those of the queries' own sequence, up to here."""
    key, bias = (keys.key, keys.bias) if seen is None else (keys.key[..., :seen, :], keys.bias[..., :seen, :])
    scores = _product(key, _fold(query, key.shape[1])) + bias
    if seen is None or not settings.causal:
        return scores
    token = first + jnp.arange(query.shape[-1]) // settings.share
    return jnp.where(jnp.arange(seen)[:, None] <= token, scores, MASKED)


def _rows_forward(settings: _Settings, query, sets: tuple[_Keys, ...]):
    """query [n, g, K, A, T * E] -> (output of that shape, log-sum-exp float32[n, g, K, 1, T * E])."""
    g, share = query.shape[1], settings.share
    outs, lses = [], []
    for first, last, seen in _blocks(settings, query.shape[-1] // share):
        block = query[..., first * share : last * share]
        scores = [_scores(settings, block, keys, first, seen if i == 0 else None) for i, keys in enumerate(sets)]
        highest = [_unfold(s.max(-2, keepdims=True), g) for s in scores]
        highest = functools.reduce(jnp.maximum, highest)
        total, out = 0.0, 0.0
        for i, (score, keys) in enumerate(zip(scores, sets, strict=True)):
            weights = jnp.exp(score - _fold(highest, score.shape[1]))
            total += _unfold(weights.sum(-2, keepdims=True), g)
            value = (keys.value[..., :seen, :] if i == 0 else keys.value).swapaxes(-1, -2)
            out += _unfold(_product(value, weights.astype(value.dtype)), g)
        outs.append((out / total).astype(query.dtype))
        lses.append(highest + jnp.log(total))
    return jnp.concatenate(outs, -1), jnp.concatenate(lses, -1)


def _rows_backward(settings: _Settings, query, sets: tuple[_Keys, ...], gradient, lse, overlap):
    """Gradients of `_rows_forward`'s output: of the query, and of each set (float32; the bias has none)."""
    g, share = query.shape[1], settings.share
    totals = [(jnp.zeros(keys.key.shape, jnp.float32), jnp.zeros(keys.value.shape, jnp.float32)) for keys in sets]
    d_query = []
    for first, last, seen in _blocks(settings, query.shape[-1] // share):
        block, of_out, log_sum, dot = (x[..., first * share : last * share] for x in (query, gradient, lse, overlap))
        d_block = 0.0
        for i, keys in enumerate(sets):
            branches, limit = keys.key.shape[1], seen if i == 0 else keys.key.shape[-2]
            of_out_here, query_here = _fold(of_out, branches), _fold(block, branches)
            scores = _scores(settings, block, keys, first, seen if i == 0 else None)
            weights = jnp.exp(scores - _fold(log_sum, branches))
            slope = _product(keys.value[..., :limit, :], of_out_here) - _fold(dot, branches)
            slope = (weights * slope).astype(query.dtype)
            d_key = _product(slope, query_here.swapaxes(-1, -2))
            d_value = _product(weights.astype(gradient.dtype), of_out_here.swapaxes(-1, -2))
            d_block += _unfold(_product(keys.key[..., :limit, :].swapaxes(-1, -2), slope), g)
            totals[i] = tuple(
                total.at[..., :limit, :].add(d) for total, d in zip(totals[i], (d_key, d_value), strict=True)
            )
        d_query.append(d_block.astype(query.dtype))
    d_sets = tuple(_Keys(*total, jnp.zeros_like(keys.bias)) for total, keys in zip(totals, sets, strict=True))
    return jnp.concatenate(d_query, -1), d_sets
