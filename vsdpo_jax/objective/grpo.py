"""Group-relative advantages, the clipped policy loss, importance corrections, and sums with a global denominator."""

from __future__ import annotations

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np

SCALINGS = ("none", "group", "batch")
AGGREGATIONS = ("token", "sequence", "dr_grpo")
CORRECTIONS = ("none", "token", "sequence", "sequence_mask")
KL_ESTIMATORS = ("k1", "k2", "k3")

# Keeps a nearly tied group from turning rounding noise into advantages of order 1.
_STD_FLOOR = 1e-4
# exp(20) = 4.9e8: larger log-ratios only overflow.
_MAX_LOG_RATIO = 20.0


def advantages(rewards_ng: np.ndarray, scaling: str = "none") -> np.ndarray:
    """Reward minus the mean of its prompt's group, on the host.

    Args:
      rewards_ng: float[N, G]. NaN: a rollout that could not be scored; it is left out of its group and gets 0.
      scaling: `none` (mean only); `group`, divided by the group's sample standard deviation plus 1e-4 (the original
        GRPO); `batch`, by that of all rewards.

    Returns:
      float32[N, G]; exactly 0 for a group whose rewards are all equal.

    Raises:
      ValueError: for an unknown scaling.
    """
    if scaling not in SCALINGS:
        raise ValueError(f"scaling is {scaling!r}; it must be one of {', '.join(SCALINGS)}")
    rewards = np.asarray(rewards_ng, np.float64)
    scored = ~np.isnan(rewards)
    centred = np.where(scored, rewards - _masked_mean(rewards, scored), 0.0)
    if scaling == "group":
        centred = centred / (_sample_std(rewards, scored, axis=1) + _STD_FLOOR)
    elif scaling == "batch":
        centred = centred / (_sample_std(rewards, scored, axis=None) + _STD_FLOOR)
    return np.where(equal_groups(rewards)[:, None], 0.0, centred).astype(np.float32)


def equal_groups(rewards_ng: np.ndarray) -> np.ndarray:
    """bool[N]: all scored rewards of the group are equal, so it teaches GRPO nothing."""
    rewards = np.asarray(rewards_ng, np.float64)
    scored = ~np.isnan(rewards)
    largest = np.where(scored, rewards, -np.inf).max(axis=1)
    smallest = np.where(scored, rewards, np.inf).min(axis=1)
    return (largest == smallest) | ~scored.any(axis=1)


def _masked_mean(values: np.ndarray, mask: np.ndarray, axis: int | None = 1) -> np.ndarray:
    return np.where(mask, values, 0.0).sum(axis=axis, keepdims=True) / np.maximum(mask.sum(axis=axis, keepdims=True), 1)


def _sample_std(values: np.ndarray, mask: np.ndarray, axis: int | None) -> np.ndarray:
    squares = np.where(mask, values - _masked_mean(values, mask, axis), 0.0) ** 2
    count = mask.sum(axis=axis, keepdims=True)
    return np.sqrt(squares.sum(axis=axis, keepdims=True) / np.maximum(count - 1, 1))


@functools.partial(
    jax.tree_util.register_dataclass,
    data_fields=["loss", "ratio", "clipped_low", "clipped_high", "clipped_dual"],
    meta_fields=[],
)
@dataclasses.dataclass(frozen=True)
class PolicyTokens:
    """The policy loss at every token, in the shape of the log-probabilities.

    Attributes:
      loss: float32, to be minimised.
      ratio: float32, new over old probability. No gradient.
      clipped_low, clipped_high: bool, the token's gradient is cut because its ratio left the trust region below
        (negative advantage) or above (positive advantage).
      clipped_dual: bool, its loss is bounded by the dual clip; its gradient is cut too.
    """

    loss: jax.Array
    ratio: jax.Array
    clipped_low: jax.Array
    clipped_high: jax.Array
    clipped_dual: jax.Array


def policy_loss_tokens(
    logp: jax.Array,
    old_logp: jax.Array | None,
    advantages: jax.Array,
    *,
    clip_low: float = 0.2,
    clip_high: float = 0.28,
    clip_dual: float | None = 3.0,
) -> PolicyTokens:
    """PPO's clipped surrogate per token, with separate clips and the dual clip.

        loss = -min(r A, clip(r, 1 - clip_low, 1 + clip_high) A),   for A < 0 at most -clip_dual A

    Args:
      logp: log-probabilities of the sampled tokens, with gradient.
      old_logp: those when the batch was sampled. None: the first update on the batch, r = 1 with the gradient of logp.
      advantages: broadcast against `logp` ([N, G, 1] against [N, G, R]). No gradient.
      clip_low, clip_high: 0.2 and 0.28 are DAPO's; the wider upper clip keeps entropy up.
      clip_dual: bound of the loss for negative advantages in multiples of |A|; None switches it off.

    Raises:
      ValueError: unless clip_low and clip_high are positive and clip_dual exceeds 1 + clip_high.
    """
    if clip_low <= 0 or clip_high <= 0:
        raise ValueError(f"clip_low={clip_low} and clip_high={clip_high} must be positive")
    if clip_dual is not None and clip_dual <= 1 + clip_high:
        raise ValueError(f"clip_dual={clip_dual} must exceed 1 + clip_high = {1 + clip_high}")
    old_logp = jax.lax.stop_gradient(logp if old_logp is None else old_logp)
    advantage = jnp.broadcast_to(jax.lax.stop_gradient(advantages), logp.shape)
    ratio = jnp.exp(jnp.clip(logp - old_logp, -_MAX_LOG_RATIO, _MAX_LOG_RATIO))
    clipped_high = (advantage > 0) & (ratio > 1 + clip_high)
    clipped_low = (advantage < 0) & (ratio < 1 - clip_low)
    loss = -jnp.minimum(ratio * advantage, jnp.clip(ratio, 1 - clip_low, 1 + clip_high) * advantage)
    clipped_dual = jnp.zeros_like(clipped_low)
    if clip_dual is not None:
        clipped_dual = (advantage < 0) & (ratio > clip_dual)
        loss = jnp.where(clipped_dual, -clip_dual * advantage, loss)
    return PolicyTokens(loss, jax.lax.stop_gradient(ratio), clipped_low, clipped_high, clipped_dual)


def policy_metrics(tokens: PolicyTokens, mask_ngr: jax.Array, total: jax.Array | float) -> dict[str, jax.Array]:
    """Shares of tokens that each clip cuts, under TRL's names. `total` as for `aggregate`: micro-batches add up."""

    def share(clipped: jax.Array) -> jax.Array:
        return jnp.sum(clipped & mask_ngr) / total

    return {
        "clip_ratio/low_mean": share(tokens.clipped_low),
        "clip_ratio/high_mean": share(tokens.clipped_high),
        "clip_ratio/dual_mean": share(tokens.clipped_dual),
        "clip_ratio/region_mean": share(tokens.clipped_low | tokens.clipped_high | tokens.clipped_dual),
    }


def truncated_ratio(logp: jax.Array, old_logp: jax.Array, cap: float) -> jax.Array:
    """min(p / p_old, cap) per token, no gradient: a divergence's weight on tokens that an older student sampled."""
    log_ratio = jax.lax.stop_gradient(logp - old_logp)
    return jnp.minimum(jnp.exp(jnp.clip(log_ratio, -_MAX_LOG_RATIO, _MAX_LOG_RATIO)), cap)


def sampler_correction(
    logp_ngr: jax.Array, sampler_logp_ngr: jax.Array, mask_ngr: jax.Array, *, kind: str = "token", cap: float = 2.0
) -> jax.Array:
    """Importance weights for a sampler whose log-probabilities are not quite the trainer's. No gradient.

    Args:
      logp_ngr: the trainer's log-probabilities of the weights that sampled (on the first update: its own `logp`).
      sampler_logp_ngr: what the sampler reported.
      mask_ngr: bool, response tokens; the others get weight 0.
      kind: `none` (1); `token`, min(ratio, cap) per token (truncated importance sampling); `sequence`, the ratio of
        whole responses, truncated; `sequence_mask`, that ratio, and 0 where it exceeds the cap.
      cap: verl uses 2 for `token`, TRL 3 for `sequence_mask`.

    Returns:
      float32[N, G, R].

    Raises:
      ValueError: for an unknown kind.
    """
    if kind not in CORRECTIONS:
        raise ValueError(f"correction is {kind!r}; it must be one of {', '.join(CORRECTIONS)}")
    on = mask_ngr.astype(jnp.float32)
    if kind == "none":
        return on
    log_ratio = jax.lax.stop_gradient(jnp.where(mask_ngr, logp_ngr - sampler_logp_ngr, 0.0))
    if kind != "token":
        log_ratio = log_ratio.sum(-1, keepdims=True)
    ratio = jnp.exp(jnp.clip(log_ratio, -_MAX_LOG_RATIO, _MAX_LOG_RATIO))
    weights = jnp.where(ratio > cap, 0.0, ratio) if kind == "sequence_mask" else jnp.minimum(ratio, cap)
    return weights * on


def sampler_metrics(
    logp_ngr: jax.Array, sampler_logp_ngr: jax.Array, mask_ngr: jax.Array, total: jax.Array | float, cap: float = 2.0
) -> dict[str, jax.Array]:
    """How far the sampler is from the trainer, under TRL's names. `total` as for `aggregate`: micro-batches add up.

    Absolute difference of the log-probabilities, ratio before the cap, and the share of tokens above the cap. The least
    and the largest ratio are infinity and 0 where no token counts.
    """
    difference = jnp.where(mask_ngr, jax.lax.stop_gradient(logp_ngr) - sampler_logp_ngr, 0.0)
    ratio = jnp.exp(jnp.clip(difference, -_MAX_LOG_RATIO, _MAX_LOG_RATIO))
    return {
        "sampling/sampling_logp_difference/mean": jnp.abs(difference).sum() / total,
        "sampling/sampling_logp_difference/max": jnp.abs(difference).max(),
        "sampling/importance_sampling_ratio/mean": jnp.where(mask_ngr, ratio, 0.0).sum() / total,
        "sampling/importance_sampling_ratio/min": jnp.min(ratio, initial=jnp.inf, where=mask_ngr),
        "sampling/importance_sampling_ratio/max": jnp.max(ratio, initial=0.0, where=mask_ngr),
        "sampling/importance_sampling_ratio/capped_fraction": jnp.sum(mask_ngr & (ratio > cap)) / total,
    }


def reference_kl_tokens(logp: jax.Array, reference_logp: jax.Array, estimator: str = "k3") -> jax.Array:
    """Estimate per token of KL(student || reference) from the sampled token alone, differentiable in `logp`.

    With d = reference_logp - logp: `k1` is -d, `k2` is d^2 / 2, `k3` is exp(d) - d - 1 (unbiased and never negative;
    the default of GRPO). The exact KL is `divergence.token_statistics` with the reference as the teacher.

    Raises:
      ValueError: for an unknown estimator.
    """
    if estimator not in KL_ESTIMATORS:
        raise ValueError(f"estimator is {estimator!r}; it must be one of {', '.join(KL_ESTIMATORS)}")
    difference = jax.lax.stop_gradient(reference_logp) - logp
    if estimator == "k1":
        return -difference
    if estimator == "k2":
        return difference**2 / 2
    difference = jnp.clip(difference, -_MAX_LOG_RATIO, _MAX_LOG_RATIO)
    return jnp.expm1(difference) - difference


def denominator(mask_ngr: jax.Array, aggregation: str = "token", max_length: int | None = None) -> jax.Array:
    """What `aggregate` divides by, float32, from the mask of the whole step: all hosts, devices and micro-batches.

    `token`: tokens that are on. `sequence`: responses with at least one such token. `dr_grpo`: those responses times
    `max_length`, a constant of the run, so that length is no reward. Never below 1.

    Raises:
      ValueError: for an unknown aggregation, or `dr_grpo` without `max_length`.
    """
    if aggregation not in AGGREGATIONS:
        raise ValueError(f"aggregation is {aggregation!r}; it must be one of {', '.join(AGGREGATIONS)}")
    if aggregation == "dr_grpo" and not max_length:
        raise ValueError("dr_grpo divides by the response limit: pass max_length")
    counted = mask_ngr if aggregation == "token" else jnp.any(mask_ngr, axis=-1)
    count = jnp.maximum(jnp.sum(counted, dtype=jnp.float32), 1.0)
    return count * max_length if aggregation == "dr_grpo" else count


def aggregate(
    values_ngr: jax.Array, mask_ngr: jax.Array, total: jax.Array | float, aggregation: str = "token"
) -> jax.Array:
    """This micro-batch's share of the loss: shares of all micro-batches add up to the loss of the whole step.

    Args:
      values_ngr: per token; whatever stands at tokens that are off, NaN included, is ignored.
      mask_ngr: bool.
      total: `denominator` of the whole step, for the same aggregation.
      aggregation: `token` and `dr_grpo` sum over tokens; `sequence` sums the means of the responses.

    Raises:
      ValueError: for an unknown aggregation.
    """
    if aggregation not in AGGREGATIONS:
        raise ValueError(f"aggregation is {aggregation!r}; it must be one of {', '.join(AGGREGATIONS)}")
    values = jnp.where(mask_ngr, values_ngr, 0.0)
    if aggregation == "sequence":
        values = values.sum(-1) / jnp.maximum(mask_ngr.sum(-1), 1)
    return values.sum() / total
