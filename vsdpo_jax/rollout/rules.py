"""Rules that turn logits into one sampled token and its log-probability."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp


@jax.named_scope("draw")
def draw(keys, logits, config):
    """Samples from logits float32[N, G, V] by a `SamplingConfig`, each row with its own of `keys` [N, G].

    Returns:
      token int32[N, G] and its log-probability float32[N, G] under the full softmax at the temperature (at 1 when
      greedy), before top-k, top-p and banned ids take anything away: what a training forward would give.
    """
    logits = logits.astype(jnp.float32)
    if config.temperature > 0:
        logits = logits / config.temperature
    allowed = logits
    if config.banned_ids:
        allowed = allowed.at[..., jnp.asarray(config.banned_ids)].set(-jnp.inf)
    if config.temperature == 0:
        token = jnp.argmax(allowed, axis=-1)
    else:
        if config.top_k:
            allowed = keep_top_k(allowed, config.top_k)
        if config.top_p < 1:
            allowed = keep_top_p(allowed, config.top_p)
        token = pick(jax.vmap(jax.vmap(lambda key: jax.random.uniform(key, (2,))))(keys), allowed)
    chosen = jnp.take_along_axis(logits, token[..., None], axis=-1)[..., 0]
    return token.astype(jnp.int32), chosen - jax.nn.logsumexp(logits, axis=-1)


def pick(uniform, logits):
    """The token at which the cumulative probability passes a random number.

    Two random numbers a token instead of one for every id of the vocabulary: the first chooses a block of about
    sqrt(V) ids, the second an id in it, so that both are finer than one float32 over the whole vocabulary would be.

    Args:
      uniform: float32[..., 2] in [0, 1).
      logits: float32[..., V]; ids at -inf are never picked.
    """
    weights = jnp.exp(logits - logits.max(-1, keepdims=True))
    size = 1 << round(math.log2(weights.shape[-1]) / 2)
    padding = [(0, 0)] * (weights.ndim - 1) + [(0, -weights.shape[-1] % size)]
    weights = jnp.pad(weights, padding).reshape(*weights.shape[:-1], -1, size)
    block = _passing(weights.sum(-1), uniform[..., 0])
    inside = jnp.take_along_axis(weights, block[..., None, None], axis=-2)[..., 0, :]
    return block * size + _passing(inside, uniform[..., 1])


def _passing(weights, uniform):
    """The first index with a weight at which the sum so far is more than `uniform` of the whole."""
    sums = jnp.cumsum(weights, axis=-1)
    # The largest sum, not the last: sums in parallel need not grow with every index.
    return jnp.argmax((sums > uniform[..., None] * sums.max(-1, keepdims=True)) & (weights > 0), axis=-1)


def keep_top_k(logits, k: int):
    """Masks all but the k largest logits; those equal to the k-th are kept too."""
    size = min(k, logits.shape[-1])
    return _keep_from(logits, lambda above: above.sum(-1) >= size)


def keep_top_p(logits, p: float):
    """Masks all but the most likely tokens that together have probability p or just over."""
    probability = jax.nn.softmax(logits, axis=-1)
    return _keep_from(logits, lambda above: jnp.where(above, probability, 0.0).sum(-1) >= p)


def _keep_from(logits, enough):
    """Keeps logits >= the highest threshold for which `enough(logits >= threshold)` holds.

    The threshold is found by bisection over the 32-bit patterns of floats, exactly and without sorting the
    vocabulary, which is slow on every device.
    """
    order = _ordered_bits(logits)

    def halve(_, bounds):
        low, high = bounds
        middle = (low & high) + ((low ^ high) >> 1)
        ok = enough(order >= middle[..., None])
        return jnp.where(ok, middle, low), jnp.where(ok, high, middle)

    # `low` always keeps enough, `high` never does.
    bounds = order.min(-1), order.max(-1) + 1
    low, _ = jax.lax.fori_loop(0, 32, halve, bounds)
    return jnp.where(order >= low[..., None], logits, -jnp.inf)


def _ordered_bits(x):
    """int32 with the order of the float32 values."""
    bits = jax.lax.bitcast_convert_type(x, jnp.int32)
    return jnp.where(bits < 0, bits ^ jnp.int32(0x7FFFFFFF), bits)


def is_one_of(tokens, ids: tuple[int, ...]):
    """bool, like `tokens`."""
    if not ids:
        return jnp.zeros(tokens.shape, bool)
    return (tokens[..., None] == jnp.asarray(ids, tokens.dtype)).any(-1)
