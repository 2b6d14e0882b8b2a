"""The terms of the objective, from numbers per token to (loss, metrics).

Every term is divided by a total of its own over the whole step, so micro-batches and devices add up: neither their
number nor the share of rollouts that a term leaves out changes its weight. Metrics are divided in the same way;
those whose name ends in `/min` or `/max` are combined as that.
"""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from vsdpo_jax.errors import UserError
from vsdpo_jax.objective import grpo
from vsdpo_jax.objective.divergence import DIVERGENCES, TokenStatistics, token_statistics
from vsdpo_jax.objective.method import Method
from vsdpo_jax.objective.routing import RULES
from vsdpo_jax.pack import PackedBatch

Metrics = dict[str, jax.Array]

REFERENCE_KLS = ("k2", "k3", "exact")


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Denominators:
    """What is divided by, each a float32 scalar of at least 1.

    Attributes:
      tokens, distil_tokens: response tokens, and those of distilled rollouts: for metrics, which are means per token.
      distil, policy, reference: of the terms, as `config.objective.aggregation` says.
      credit: mean credit weight of the distilled tokens.
      sft, revision: sums of the weights of the supervised targets, and of those that follow feedback.
    """

    tokens: jax.Array
    distil_tokens: jax.Array
    distil: jax.Array
    credit: jax.Array
    policy: jax.Array
    reference: jax.Array
    sft: jax.Array
    revision: jax.Array


def denominators(batch: PackedBatch, aggregation: str) -> Denominators:
    """Of the whole step's batch, before it is split into micro-batches."""
    response, distil = batch.response_ngr, distil_mask(batch)
    length = response.shape[-1]

    def of_term(mask):
        return grpo.denominator(mask, aggregation, max_length=length)

    distil_tokens = grpo.denominator(distil)
    return Denominators(
        tokens=grpo.denominator(response),
        distil_tokens=distil_tokens,
        distil=of_term(distil),
        credit=jnp.maximum(jnp.sum(distil * batch.weights_ngr) / distil_tokens, 1.0),
        policy=of_term(policy_mask(batch)),
        reference=of_term(response),
        sft=jnp.maximum(jnp.sum(response * batch.weights_ngr), 1.0),
        revision=jnp.maximum(jnp.sum(distil * revision_weights(batch)), 1.0),
    )


def distil_mask(batch: PackedBatch) -> jax.Array:
    """bool[N, G, R]: tokens whose divergence counts."""
    return batch.response_ngr & batch.distil_ng[..., None]


def revision_weights(batch: PackedBatch) -> jax.Array:
    """float32[N, G, R]: how much each token of a supervised target weighs after feedback."""
    return batch.weights_ngr if batch.revision_weights_ngr is None else batch.revision_weights_ngr


def policy_mask(batch: PackedBatch) -> jax.Array:
    """bool[N, G, R]: tokens that are rewarded."""
    return batch.response_ngr & batch.policy_ng[..., None]


def check_objective(objective: ConfigDict, method: Method) -> None:
    """Raises UserError for a setting that is unknown, or that the method has no use for."""
    choices = {
        "divergence": DIVERGENCES,
        "aggregation": grpo.AGGREGATIONS,
        "reward_scaling": grpo.SCALINGS,
        "importance": grpo.CORRECTIONS,
        "reference_kl": REFERENCE_KLS,
        "route": RULES,
    }
    for name, known in choices.items():
        if objective[name] not in known:
            raise UserError(f"config.objective.{name}={objective[name]!r} is unknown: choose {', '.join(known)}")
    needs = {"none": True, "srpo": method.distil and method.policy, "positive_advantage": method.distil}
    if not needs[objective.route]:
        raise UserError(
            f"config.objective.route={objective.route!r} chooses between terms that this config.method does not have: "
            "use method=visual_sdpo, or route=none"
        )


@jax.named_scope("divergence")
def batch_statistics(
    student,
    teacher,
    head,
    teacher_head,
    batch: PackedBatch,
    objective: ConfigDict,
    temperature: float,
    divergence: str | None = None,
) -> TokenStatistics:
    """`token_statistics` of [N, G, R, D] hidden states, as [N, G, R] arrays; `divergence` None: the objective's."""
    flat = [None if hidden is None else hidden.reshape(-1, hidden.shape[-1]) for hidden in (student, teacher)]
    stats = token_statistics(
        *flat,
        head,
        teacher_head,
        batch.targets_ngr.reshape(-1),
        mask_t=batch.response_ngr.reshape(-1),
        temperature=temperature,
        divergence=divergence or objective.divergence,
        top_k=objective.top_k,
        mixture=objective.mixture,
        chunk=objective.chunk,
    )
    return jax.tree.map(lambda values: values.reshape(batch.targets_ngr.shape), stats)


def sampler_correction(stats: TokenStatistics, batch: PackedBatch, objective: ConfigDict) -> jax.Array:
    """c[N, G, R]: the truncated ratio of the trainer's probability of a token to the sampler's, as weights."""
    logp = stats.logp if batch.old_logp_ngr is None else batch.old_logp_ngr
    return grpo.sampler_correction(
        logp, batch.sampler_logp_ngr, batch.response_ngr, kind=objective.importance, cap=objective.importance_cap
    )


def distil_term(
    stats: TokenStatistics,
    correction_ngr: jax.Array,
    batch: PackedBatch,
    objective: ConfigDict,
    total: Denominators,
    *,
    credit: bool,
) -> tuple[jax.Array, Metrics]:
    """sum(m w min(D, cap) min(rho, cap) c) / total: the weighted divergence from the teacher.

    m is `distil_mask`; w the credit weight (1 without `credit`), divided by its mean in the step with
    `normalize_credit`, times exp(-H) of the teacher with `entropy_weighting`; rho the ratio to the policy that sampled,
    1 on the first update of a batch. All but D are constants.
    """
    mask = distil_mask(batch)
    weights = batch.weights_ngr if credit else jnp.ones_like(batch.weights_ngr)
    if credit and objective.normalize_credit:
        weights = weights / total.credit
    factor = weights * correction_ngr
    if objective.entropy_weighting:
        factor *= jnp.exp(-stats.teacher_entropy)
    if batch.old_logp_ngr is not None:
        factor *= grpo.truncated_ratio(stats.logp, batch.old_logp_ngr, objective.importance_cap)
    values = factor * jnp.minimum(stats.divergence, objective.token_cap)
    loss = grpo.aggregate(values, mask, total.distil, objective.aggregation)

    def mean(values):
        return jnp.sum(values * mask) / total.distil_tokens

    return loss, {
        "self_distillation/distillation_loss": loss,
        "self_distillation/kl": mean(stats.divergence),
        "self_distillation/kl_weighted": mean(weights * stats.divergence),
        "self_distillation/mean_weight": mean(weights),
        "self_distillation/guilty_token_fraction": mean(batch.weights_ngr > 1),
        "self_distillation/capped_fraction": mean(stats.divergence > objective.token_cap),
        "self_distillation/teacher_entropy": mean(stats.teacher_entropy),
        "self_distillation/student_entropy": mean(stats.entropy),
    }


def policy_term(
    stats: TokenStatistics, correction_ngr: jax.Array, batch: PackedBatch, objective: ConfigDict, total: Denominators
) -> tuple[jax.Array, Metrics]:
    """sum(M ppo c) / total: the clipped policy loss. Its ratio is 1 on the first update of a batch."""
    policy = grpo.policy_loss_tokens(
        stats.logp,
        batch.old_logp_ngr,
        batch.advantages_ng[..., None],
        clip_low=objective.clip_low,
        clip_high=objective.clip_high,
        clip_dual=objective.clip_dual or None,
    )
    mask = policy_mask(batch)
    loss = grpo.aggregate(policy.loss * correction_ngr, mask, total.policy, objective.aggregation)
    return loss, {"self_distillation/policy_loss": loss} | grpo.policy_metrics(policy, mask, total.tokens)


def reference_term(
    kl_ngr: jax.Array, batch: PackedBatch, objective: ConfigDict, total: Denominators
) -> tuple[jax.Array, Metrics]:
    """sum(M kl) / total: the KL of the student from the weights at the start of the run, `kl` in TRL."""
    loss = grpo.aggregate(kl_ngr, batch.response_ngr, total.reference, objective.aggregation)
    return loss, {"kl": jnp.sum(kl_ngr * batch.response_ngr) / total.tokens}


def sampling_metrics(stats: TokenStatistics, batch: PackedBatch, objective: ConfigDict, total: Denominators) -> Metrics:
    """The student's entropy, and how far the sampler is from the trainer."""
    return {
        "entropy": jnp.sum(batch.response_ngr * stats.entropy) / total.tokens,
        **grpo.sampler_metrics(
            stats.logp if batch.old_logp_ngr is None else batch.old_logp_ngr,
            batch.sampler_logp_ngr,
            batch.response_ngr,
            total.tokens,
            objective.importance_cap,
        ),
    }
