"""One update: student and teacher in one jitted, sharded function (paper eq. of L; see `rl_losses`)."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax
from flax import nnx
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from ml_collections import ConfigDict

from vsdpo_jax.errors import UserError
from vsdpo_jax.objective import grpo, terms
from vsdpo_jax.objective.accumulate import accumulated
from vsdpo_jax.objective.forward import read_prompt, read_response, reference_states, teacher_states
from vsdpo_jax.objective.method import method_named
from vsdpo_jax.objective.optimizer import kl_weight
from vsdpo_jax.objective.state import Params, TrainState, init_state
from vsdpo_jax.objective.supervised import sft_losses
from vsdpo_jax.pack import PackedBatch
from vsdpo_jax.sharding import rows_sharding, shardings

__all__ = [
    "TERMS",
    "TrainState",
    "active_terms",
    "init_state",
    "jit_update",
    "make_term_norms",
    "make_update",
    "rl_losses",
]

Metrics = dict[str, jax.Array]

TERMS = ("distillation", "policy", "reference")


def active_terms(config: ConfigDict) -> tuple[str, ...]:
    """Those of `TERMS` that the method and the objective of a config use."""
    method = method_named(config.method)
    uses = (method.distil, method.policy, method.rollouts and config.objective.reference_kl_weight > 0)
    return tuple(name for name, used in zip(TERMS, uses, strict=True) if used)


def rl_losses(graphdef, params, state: TrainState, batch: PackedBatch, config: ConfigDict, total, weight):
    """L = weight * distil + grpo_weight * policy + reference_kl_weight * reference; the terms are in `terms.py`.

    Everything but the student's hidden states and head is under stop-gradient.

    Args:
      params: the student's, with gradient; the state's own are not read.
      total: `terms.Denominators` of the whole step.
      weight: of the divergence at this step.

    Returns:
      ({term: weighted loss}, metrics, {name: float32[N, G, R]}).
    """
    objective, active, length = config.objective, active_terms(config), batch.targets_ngr.shape[-1]
    model = nnx.merge(graphdef, params)
    context = read_prompt(model, batch)
    with jax.named_scope("student"):
        student = read_response(model, batch.student, *context, length)
    teacher = teacher_head = None
    if "distillation" in active:
        teacher, teacher_head = teacher_states(graphdef, params, state.teacher, batch, context)
    temperature = config.sampling.temperature
    stats = terms.batch_statistics(student, teacher, model.head(), teacher_head, batch, objective, temperature)

    correction = terms.sampler_correction(stats, batch, objective)
    metrics, losses = terms.sampling_metrics(stats, batch, objective, total), {}
    if "distillation" in active:
        credit = method_named(config.method).credit
        loss, more = terms.distil_term(stats, correction, batch, objective, total, credit=credit)
        losses["distillation"], metrics = weight * loss, metrics | more
    if "policy" in active:
        loss, more = terms.policy_term(stats, correction, batch, objective, total)
        losses["policy"], metrics = objective.grpo_weight * loss, metrics | more
    if "reference" in active:
        kl = _reference_kl(graphdef, state.frozen, student, model.head(), stats, batch, config)
        loss, more = terms.reference_term(kl, batch, objective, total)
        losses["reference"], metrics = objective.reference_kl_weight * loss, metrics | more
    return losses, metrics, _per_token(stats)


def _reference_kl(graphdef, reference_params, student, head, stats, batch, config) -> jax.Array:
    """float32[N, G, R], with gradient: by an estimator from the sampled token, or over the whole vocabulary."""
    hidden, reference_head = reference_states(graphdef, reference_params, batch)
    objective, temperature = config.objective, config.sampling.temperature
    if objective.reference_kl == "exact":
        arrays = (student, hidden, head, reference_head)
        return terms.batch_statistics(*arrays, batch, objective, temperature, "reverse_kl").divergence
    reference = terms.batch_statistics(hidden, None, reference_head, None, batch, objective, temperature)
    return grpo.reference_kl_tokens(stats.logp, reference.logp, objective.reference_kl)


def _per_token(stats) -> dict[str, jax.Array]:
    """What the host reads per token: the student's log-probability and, with a teacher, how the two disagree."""
    if stats.divergence is None:
        return {"logp": stats.logp}
    return {"logp": stats.logp, "divergence": stats.divergence, "uplift": stats.teacher_logp - stats.logp}


def _make_gradient(graphdef: nnx.GraphDef, config: ConfigDict) -> Callable:
    """(state, batch, {term: factor} or None) -> (gradient, metrics, per token) of the whole step."""
    method = method_named(config.method)
    terms.check_objective(config.objective, method)
    schedule = kl_weight(config.objective, config.steps)
    parts, rollout_parts = config.batch.micro_batches, config.batch.rollout_parts
    if config.batch.updates > 1 and not method.rollouts:
        raise UserError(f"config.batch.updates={config.batch.updates} is for rollouts: set it to 1 for method=sft")
    if config.batch.prompts % parts:
        raise UserError(
            f"config.batch.prompts={config.batch.prompts} is not a multiple of config.batch.micro_batches={parts}"
        )
    if config.batch.group % rollout_parts:
        raise UserError(
            f"config.batch.group={config.batch.group} is not a multiple of config.batch.rollout_parts={rollout_parts}"
        )

    def gradient(state: TrainState, batch: PackedBatch, factors: dict[str, jax.Array] | None = None):
        total = terms.denominators(batch, config.objective.aggregation)

        def loss_of(params, part):
            if method.rollouts:
                weight = schedule(state.step)
                losses, metrics, per_token = rl_losses(graphdef, params, state, part, config, total, weight)
                loss = sum(value if factors is None else factors[name] * value for name, value in losses.items())
            else:
                model = nnx.merge(graphdef, params)
                loss, metrics, per_token = sft_losses(model, part, config.objective, total)
            return loss, (metrics | {"loss": loss}, per_token)

        patches_per_token = nnx.merge(graphdef, state.params).config.vision.merge_unit
        tokens_per_image = 0 if batch.images is None else batch.images.valid.shape[2] // patches_per_token
        split = parts, rollout_parts, tokens_per_image
        return accumulated(jax.grad(loss_of, has_aux=True), state.params, batch, *split)

    return gradient


def make_update(
    graphdef: nnx.GraphDef, config: ConfigDict, optimizer: optax.GradientTransformation
) -> Callable[[TrainState, PackedBatch], tuple[TrainState, Metrics, dict[str, jax.Array]]]:
    """The update function, to be jitted by the caller with its shardings.

    Returns (new state, scalar metrics, {name: float32[N, G, R]}): per token `logp` and, with a teacher, `divergence`
    and `uplift` (the teacher's log-probability of the sampled token minus the student's); `nll` for `sft`.

    A second update on the same batch gets the first one's `logp` as `batch.old_logp_ngr`, and counts no step.

    Raises:
      UserError: for settings of the objective that are unknown or do not go together.
    """
    gradient = _make_gradient(graphdef, config)
    schedule = kl_weight(config.objective, config.steps)

    def update(state: TrainState, batch: PackedBatch):
        grads, metrics, per_token = gradient(state, batch)
        norm = optax.global_norm(grads)
        finite = jnp.isfinite(norm) & jnp.isfinite(metrics["loss"])
        # The optimizer looks at gradients only, and skips what is not finite.
        grads = jax.tree.map(lambda g: jnp.where(finite, g, jnp.nan), grads)
        with jax.named_scope("optimizer"):
            updates, opt_state = optimizer.update(grads, state.opt_state, state.params)
            params = optax.apply_updates(state.params, updates)
        teacher = state.teacher
        if teacher is not None and config.teacher.kind == "ema":
            teacher = _moved_average(teacher, params, jnp.where(finite, config.teacher.rate, 0.0))
        metrics |= {
            "grad_norm": norm,
            "kl_weight": schedule(state.step),
            "skipped_updates": opt_state.total_notfinite,
            "skipped_in_a_row": opt_state.notfinite_count,
        }
        if teacher is not None:
            metrics["teacher/distance"] = optax.global_norm(jax.tree.map(jnp.subtract, teacher, params))
        step = state.step + 1 if batch.old_logp_ngr is None else state.step
        return TrainState(step, params, opt_state, teacher, state.rng, state.reference), metrics, per_token

    return update


def jit_update(
    graphdef: nnx.GraphDef, config: ConfigDict, optimizer: optax.GradientTransformation, mesh: Mesh, state: TrainState
):
    """`make_update` compiled for a mesh; `state` (or its shapes) says what is donated and placed as before.

    Metrics are on every device, figures per token where the rows of the batch are.
    """
    places = (
        shardings(mesh, state),
        NamedSharding(mesh, PartitionSpec()),
        rows_sharding(mesh, config.batch.prompts),
    )
    return jax.jit(make_update(graphdef, config, optimizer), out_shardings=places, donate_argnums=0)


def _moved_average(average: Params, params: Params, rate: jax.Array) -> Params:
    return jax.tree.map(lambda old, new: old + rate * (new - old), average, params)


def make_term_norms(graphdef: nnx.GraphDef, config: ConfigDict) -> Callable[[TrainState, PackedBatch], Metrics]:
    """The norm of each term's own gradient, as weighted in the loss: `grad_norm/<term>`.

    One gradient a term, one after the other, so it needs the memory of one and the time of as many updates as there
    are terms: call it now and then.
    """
    names, gradient = active_terms(config), _make_gradient(graphdef, config)

    def norms(state: TrainState, batch: PackedBatch) -> Metrics:
        def norm(factors):
            return optax.global_norm(gradient(state, batch, dict(zip(names, factors, strict=True)))[0])

        values = jax.lax.map(norm, jnp.eye(len(names)))
        return {f"grad_norm/{name}": value for name, value in zip(names, values, strict=True)}

    return norms
