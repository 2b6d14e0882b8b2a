"""Sampling G responses to each of N prompts: prefill once per prompt, then decode all branches together.

`sample` does it in one call. The trainer goes through `engine`, which calls `prefill` and `decode` itself, so that rows
that have ended can be rendered, and left out of the batch, while the others are still being decoded.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from vsdpo_jax.model.inputs import DecodingPrefix, ImagePatches, Sequence
from vsdpo_jax.model.step import Branch, Stepper, decoding_prefix
from vsdpo_jax.rollout import rules
from vsdpo_jax.sharding import constrain_rows

Array = Any


@dataclasses.dataclass(frozen=True)
class SamplingConfig:
    """How responses are sampled.

    Attributes:
      temperature: divides the logits; 0 takes the most likely token.
      top_p: keep the most likely tokens that together have this probability.
      top_k: keep this many of the most likely tokens; 0 keeps all.
      max_tokens: R, the longest response, its stop token included.
      stop_ids: a response ends with the first of these.
      banned_ids: never sampled.
      pad_id: fills a response after its end.
    """

    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    max_tokens: int = 256
    stop_ids: tuple[int, ...] = ()
    banned_ids: tuple[int, ...] = ()
    pad_id: int = 0

    def __post_init__(self):
        if self.temperature < 0 or not 0 < self.top_p <= 1 or self.top_k < 0 or self.max_tokens < 1:
            raise ValueError(f"temperature >= 0, 0 < top_p <= 1, top_k >= 0 and max_tokens >= 1 are required: {self}")


@functools.partial(jax.tree_util.register_dataclass, data_fields=("tokens", "logp", "lengths"), meta_fields=())
@dataclasses.dataclass(frozen=True)
class Samples:
    """Sampled responses.

    Attributes:
      tokens: int32[N, G, R], the stop token included, then `pad_id`.
      logp: float32[N, G, R], of each token under the full softmax at the temperature (at 1 when greedy); 0 after
        the end.
      lengths: int32[N, G].
    """

    tokens: Array
    logp: Array
    lengths: Array


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Decoding:
    """Responses that are being decoded.

    Attributes:
      index: int32 scalar, tokens drawn so far.
      keys: of random numbers, [N].
      rows: int32[N, G], which response of the batch each row is; its random numbers depend on its key and that alone.
      start: int32[N, 1], position of the first response token.
      ended: bool[N, G].
      hidden: [N, G, D], what the next token is drawn from.
      tokens: int32[N, G, R].
      logp: float32[N, G, R].
      prefix: of the prompts.
      branch: keys and values of the responses.
    """

    index: Array
    keys: Array
    rows: Array
    start: Array
    ended: Array
    hidden: Array
    tokens: Array
    logp: Array
    prefix: DecodingPrefix
    branch: Branch


@jax.named_scope("prefill")
def prefill(
    graphdef: nnx.GraphDef,
    params: nnx.State,
    prefix: Sequence,
    images: ImagePatches | None,
    key: jax.Array,
    rows: Array | None = None,
    *,
    branches: int,
    config: SamplingConfig,
) -> Decoding:
    """Reads the prompts; the arguments are those of `sample`."""
    model = nnx.merge(graphdef, params)
    visual = None if images is None else model.encode_images(images)
    hidden, cache = model.decode(prefix, visual)
    n, _, length = prefix.tokens.shape
    shape = (n, branches)
    if rows is None:
        rows = jnp.arange(n * branches, dtype=jnp.int32).reshape(shape)
    last = length - 1 - jnp.argmax(prefix.valid[:, 0, ::-1], axis=-1)
    hidden = jnp.take_along_axis(hidden[:, 0], last[:, None, None], axis=1)
    shared = decoding_prefix(cache)
    return Decoding(
        index=jnp.zeros((), jnp.int32),
        keys=jnp.broadcast_to(key, (n,)),
        rows=rows,
        start=jnp.take_along_axis(prefix.positions[0, :, 0], last[:, None], axis=1) + 1,
        ended=rows < 0,
        hidden=jnp.broadcast_to(hidden, (*shape, hidden.shape[-1])),
        tokens=jnp.full((*shape, config.max_tokens), config.pad_id, jnp.int32),
        logp=jnp.zeros((*shape, config.max_tokens), jnp.float32),
        prefix=shared,
        branch=Stepper(model, shared, config.max_tokens).empty_branch(shape),
    )


@jax.named_scope("decode")
def decode(
    graphdef: nnx.GraphDef,
    params: nnx.State,
    state: Decoding,
    until: Array,
    *,
    config: SamplingConfig,
    on_token: Callable[[np.ndarray], None] | None = None,
) -> Decoding:
    """Decodes until every response has ended or has `until` tokens; the other arguments are those of `sample`."""
    model = nnx.merge(graphdef, params)
    step = Stepper(model, state.prefix, config.max_tokens)
    head = model.head().astype(model.text.dtype).T
    logits = lambda hidden: jnp.matmul(hidden, head, preferred_element_type=jnp.float32)  # noqa: E731

    def body(carry):
        index, hidden, ended, branch, tokens, logp = carry
        keys = row_keys(state.keys, state.rows, index)
        token, token_logp = rules.draw(keys, logits(hidden), config)
        token = jnp.where(ended, config.pad_id, token)
        if on_token is not None:
            # As NumPy: indexing a JAX array in a callback waits for the device that waits for the callback.
            jax.debug.callback(lambda token: on_token(np.asarray(token)), token, ordered=True)
        tokens = jax.lax.dynamic_update_index_in_dim(tokens, token, index, 2)
        logp = jax.lax.dynamic_update_index_in_dim(logp, jnp.where(ended, 0.0, token_logp), index, 2)
        ended = ended | rules.is_one_of(token, config.stop_ids)
        hidden, branch = step(token, state.start + index, branch, index)
        return index + 1, constrain_rows(hidden), ended, branch, tokens, logp

    def unfinished(carry):
        return (carry[0] < until) & ~carry[2].all()

    carry = (state.index, state.hidden, state.ended, state.branch, state.tokens, state.logp)
    index, hidden, ended, branch, tokens, logp = jax.lax.while_loop(unfinished, body, carry)
    return dataclasses.replace(state, index=index, hidden=hidden, ended=ended, branch=branch, tokens=tokens, logp=logp)


def row_keys(keys: jax.Array, rows: Array, index: Array) -> jax.Array:
    """Keys [N, G] for the `index`-th token of each row: what a row draws does not depend on what is drawn with it."""

    def of_prompt(key, rows):
        return jax.vmap(functools.partial(jax.random.fold_in, jax.random.fold_in(key, index)))(rows)

    return jax.vmap(of_prompt)(keys, rows)


@functools.partial(jax.jit, static_argnames=("graphdef", "branches", "config", "on_token"))
def sample(
    graphdef: nnx.GraphDef,
    params: nnx.State,
    prefix: Sequence,
    images: ImagePatches | None,
    key: jax.Array,
    rows: Array | None = None,
    *,
    branches: int,
    config: SamplingConfig,
    on_token: Callable[[np.ndarray], None] | None = None,
) -> Samples:
    """Prefills each prompt once and decodes its branches until all have ended.

    Args:
      graphdef, params: of `nnx.split(model, nnx.Param)`.
      prefix: [N, 1, P], the prompt and the assistant header.
      images: those that the prefix refers to, or None.
      key: a `jax.random.key`, or one for each prompt [N].
      rows: int32[N, G], numbers that tell the responses with the same key apart; None: in their order. A response with
        a number below 0 has ended before it starts.
      branches: G, responses per prompt.
      config: static; another config compiles again.
      on_token: called on the host with int32[N, G] after every step, in order; on one device only.
    """
    state = prefill(graphdef, params, prefix, images, key, rows, branches=branches, config=config)
    state = decode(graphdef, params, state, config.max_tokens, config=config, on_token=on_token)
    arrays = state.tokens, state.logp, lengths(state.tokens, config)
    return Samples(*map(constrain_rows, arrays))


def lengths(tokens: Array, config: SamplingConfig) -> Array:
    """int32[...] of responses [..., R] that have ended: up to the first stop token, or all R."""
    stops = rules.is_one_of(tokens, config.stop_ids)
    return jnp.where(stops.any(-1), jnp.argmax(stops, axis=-1) + 1, tokens.shape[-1]).astype(jnp.int32)
