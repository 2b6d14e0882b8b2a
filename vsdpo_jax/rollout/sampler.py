"""Sampling G responses to each of N prompts in one jitted call."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from vsdpo_jax.model.inputs import ImagePatches, Sequence
from vsdpo_jax.model.step import Stepper
from vsdpo_jax.rollout import rules

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


@functools.partial(jax.jit, static_argnames=("graphdef", "branches", "config", "on_token"))
def sample(
    graphdef: nnx.GraphDef,
    params: nnx.State,
    prefix: Sequence,
    images: ImagePatches | None,
    key: jax.Array,
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
      key: a `jax.random.key`.
      branches: G, responses per prompt.
      config: static; another config compiles again.
      on_token: called on the host with int32[N, G] after every step, in order; on one device only.
    """
    model = nnx.merge(graphdef, params)
    visual = None if images is None else model.encode_images(images)
    hidden, cache = model.decode(prefix, visual)
    n, _, length = prefix.tokens.shape
    last = length - 1 - jnp.argmax(prefix.valid[:, 0, ::-1], axis=-1)
    hidden = jnp.take_along_axis(hidden[:, 0], last[:, None, None], axis=1)
    start = jnp.take_along_axis(prefix.positions[0, :, 0], last[:, None], axis=1) + 1

    step = Stepper(model, cache, branches, config.max_tokens)
    head = model.head().astype(model.text.dtype).T
    logits = lambda hidden: jnp.matmul(hidden, head, preferred_element_type=jnp.float32)  # noqa: E731

    def body(state):
        index, hidden, ended, branch, tokens, logp = state
        token, token_logp = rules.draw(jax.random.fold_in(key, index), logits(hidden), config)
        token = jnp.where(ended, config.pad_id, token)
        if on_token is not None:
            # As NumPy: indexing a JAX array in a callback waits for the device that waits for the callback.
            jax.debug.callback(lambda token: on_token(np.asarray(token)), token, ordered=True)
        tokens = jax.lax.dynamic_update_index_in_dim(tokens, token, index, 0)
        logp = jax.lax.dynamic_update_index_in_dim(logp, jnp.where(ended, 0.0, token_logp), index, 0)
        ended = ended | rules.is_one_of(token, config.stop_ids)
        hidden, branch = step(token, start + index, branch, index)
        return index + 1, hidden, ended, branch, tokens, logp

    def unfinished(state):
        return (state[0] < config.max_tokens) & ~state[2].all()

    rows = (n, branches)
    state = (
        jnp.zeros((), jnp.int32),
        jnp.broadcast_to(hidden, (*rows, hidden.shape[-1])),
        jnp.zeros(rows, bool),
        step.empty_branch(),
        jnp.full((config.max_tokens, *rows), config.pad_id, jnp.int32),
        jnp.zeros((config.max_tokens, *rows), jnp.float32),
    )
    _, _, _, _, tokens, logp = jax.lax.while_loop(unfinished, body, state)
    return _samples(jnp.moveaxis(tokens, 0, -1), jnp.moveaxis(logp, 0, -1), config)


def _samples(tokens, logp, config: SamplingConfig) -> Samples:
    stops = rules.is_one_of(tokens, config.stop_ids)
    lengths = jnp.where(stops.any(-1), jnp.argmax(stops, axis=-1) + 1, tokens.shape[-1])
    return Samples(tokens, logp, lengths.astype(jnp.int32))
