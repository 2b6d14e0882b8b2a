"""The one attention function: queries against their own sequence and, before it, a prefix that branches share.

`reference_attention` is the plain one. `blocked` does the same in plain JAX without keeping scores, `splash` is the
Pallas kernel for TPUs.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

MASKED = -1e30
IMPLEMENTATIONS = ("auto", "reference", "blocked", "splash", "splash_interpret")


@jax.named_scope("attention")
def attention(query, key, value, valid, *, causal: bool, prefix=None, implementation: str = "auto"):
    """Grouped-query attention with a float32 softmax.

    A prefix with one branch serves all G branches of its prompt; it is read in place, never repeated.
    Rows that may attend to nothing (padding before the first valid token) come out finite and meaningless.

    Args:
      query: [N, G, T, H, A].
      key, value: [N, G, T, K, A] of the same tokens; H is a multiple of K.
      valid: bool[N, G, T].
      causal: token t sees tokens <= t of its own sequence; otherwise all of them.
      prefix: None, or (key [N, 1 or G, P, K, A], value, valid bool[N, 1 or G, P]); all of it is seen.
      implementation: `reference`, `blocked`, `splash` (TPU), `splash_interpret` (its tests), or `auto`: splash where
        JAX runs on TPUs, else blocked.

    Returns:
      [N, G, T, H, A] in the dtype of `value`.
    """
    if implementation not in IMPLEMENTATIONS:
        raise ValueError(f"unknown attention {implementation!r}; known: {', '.join(IMPLEMENTATIONS)}")
    if implementation == "auto":
        implementation = "splash" if jax.default_backend() == "tpu" else "blocked"
    if implementation == "reference":
        return reference_attention(query, key, value, valid, causal=causal, prefix=prefix)
    if implementation == "blocked":
        # It imports this module.
        from vsdpo_jax.model.blocked import blocked_attention

        return blocked_attention(query, key, value, valid, causal=causal, prefix=prefix)
    # Pallas takes a while to import and only TPUs need it.
    from vsdpo_jax.model.splash import splash_attention

    interpret = implementation == "splash_interpret"
    return splash_attention(query, key, value, valid, causal=causal, prefix=prefix, interpret=interpret)


def reference_attention(query, key, value, valid, *, causal: bool, prefix=None):
    """As `attention`, in plain JAX."""
    n, g, t, h, a = query.shape
    grouped = query.reshape(n, g, t, key.shape[3], -1, a)
    mask = valid[:, :, None, None, None, :]
    if causal:
        mask = mask & jnp.tril(jnp.ones((t, t), bool))[:, None, :]
    weighted, total, highest = partial_attention(grouped, key, value, mask)
    if prefix is not None:
        before = _attend_to_prefix(grouped, *prefix)
        weighted, total, highest = merge((weighted, total, highest), before)
    return (weighted / total).astype(value.dtype).reshape(n, g, t, h, a)


def partial_attention(query, key, value, mask):
    """Attention to one set of keys, before normalisation, so that several sets can be merged.

    Args:
      query: [N, G, T, K, E, A] with E = H / K.
      key, value: [N, G, S, K, A].
      mask: bool, broadcasts to [N, G, K, T, E, S].

    Returns:
      weighted float32[N, G, T, K, E, A], total and highest float32[N, G, T, K, E, 1].
    """
    scores = jnp.einsum("ngtkea,ngska->ngktes", query, key, preferred_element_type=jnp.float32)
    scores = jnp.where(mask, scores * query.shape[-1] ** -0.5, MASKED)
    # The result does not depend on what is subtracted, so neither does its gradient.
    highest = jax.lax.stop_gradient(scores.max(-1, keepdims=True))
    weights = jnp.exp(scores - highest)
    total = weights.sum(-1, keepdims=True)
    weighted = jnp.einsum(
        "ngktes,ngska->ngtkea", weights.astype(value.dtype), value, preferred_element_type=jnp.float32
    )
    return weighted, jnp.swapaxes(total, 2, 3), jnp.swapaxes(highest, 2, 3)


def merge(first, second):
    """Joins two results of `partial_attention` for the same queries into that for both sets of keys."""
    highest = jnp.maximum(first[2], second[2])
    first_share, second_share = jnp.exp(first[2] - highest), jnp.exp(second[2] - highest)
    weighted = first[0] * first_share + second[0] * second_share
    total = first[1] * first_share + second[1] * second_share
    return weighted, total, highest


def _attend_to_prefix(query, key, value, valid):
    n, g, t, k, e, a = query.shape
    if key.shape[1] == g:
        return partial_attention(query, key, value, valid[:, :, None, None, None, :])
    # The branches of a prompt become more queries of one sequence, so the prefix is multiplied once.
    folded = query.reshape(n, 1, g * t, k, e, a)
    parts = partial_attention(folded, key, value, valid[:, :, None, None, None, :])
    return tuple(part.reshape(n, g, t, k, e, -1) for part in parts)
