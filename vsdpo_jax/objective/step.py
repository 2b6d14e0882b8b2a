"""One update: student and teacher in one jitted, sharded function (paper eq. of L; see `losses`)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import nnx
from ml_collections import ConfigDict

from vsdpo_jax.errors import UserError
from vsdpo_jax.model.inputs import Sequence
from vsdpo_jax.objective import grpo
from vsdpo_jax.objective.divergence import token_statistics
from vsdpo_jax.objective.method import method_named
from vsdpo_jax.objective.optimizer import kl_weight
from vsdpo_jax.pack import PackedBatch

Params = Any
Metrics = dict[str, jax.Array]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class TrainState:
    """Everything on the device that an update reads and writes.

    Attributes:
      step: int32 scalar, finished updates.
      params: float32 masters.
      opt_state: of `optimizer.make_optimizer`.
      teacher: float32 weights of an `ema` or `frozen` teacher; None when the teacher is live or absent.
      rng: uint32 key data; step k draws from `fold_in(rng, k)`, so a resumed run draws the same numbers.
    """

    step: jax.Array
    params: Params
    opt_state: optax.OptState
    teacher: Params | None
    rng: jax.Array


def init_state(params: Params, optimizer: optax.GradientTransformation, teacher_kind: str, seed: int) -> TrainState:
    """A fresh state. `teacher_kind`: `live` (shares `params`), `ema` or `frozen` (start as a copy)."""
    if teacher_kind not in ("live", "ema", "frozen"):
        raise UserError(f"config.teacher.kind={teacher_kind!r} is unknown: choose live, ema or frozen")
    return TrainState(
        step=jnp.zeros((), jnp.int32),
        params=params,
        opt_state=optimizer.init(params),
        teacher=None if teacher_kind == "live" else jax.tree.map(jnp.copy, params),
        rng=jax.random.key_data(jax.random.key(seed)),
    )


@dataclasses.dataclass(frozen=True)
class Denominators:
    """What each term is divided by: global over devices and micro-batches, so neither changes the learning rate."""

    distil: jax.Array
    response: jax.Array
    sft: jax.Array
    revision: jax.Array


jax.tree_util.register_dataclass(Denominators)


def denominators(batch: PackedBatch) -> Denominators:
    """Token counts and weights of the whole batch; at least 1 each."""
    response = batch.response_ngr.astype(jnp.float32)
    distil = response * batch.distil_ng[..., None]
    weighted = response * batch.weights_ngr
    sums = (jnp.sum(distil), jnp.sum(response), jnp.sum(weighted), jnp.sum(weighted * batch.distil_ng[..., None]))
    return Denominators(*(jnp.maximum(total, 1.0) for total in sums))


def read_prompt(model, batch: PackedBatch):
    """Every distinct image once and every prefix once: (visual features, prefix cache)."""
    visual = model.encode_images(batch.images)
    _, prefix = model.decode(batch.prefix, visual)
    return visual, prefix


def read_response(model, continuation: Sequence, visual, prefix, length: int) -> jax.Array:
    """Hidden states [N, G, R, D] that predict the response at the end of a continuation."""
    hidden, _ = model.decode(continuation, visual, prefix)
    return hidden[:, :, -length - 1 : -1]


def sft_losses(model, batch: PackedBatch, objective: ConfigDict, total: Denominators):
    """Cross-entropy of the targets after the prompt and after prompt + feedback: (loss, metrics, per token)."""
    length = batch.targets_ngr.shape[-1]
    context = read_prompt(model, batch)
    student = read_response(model, batch.student, *context, length)
    plain = -_statistics(student, None, model.head(), None, batch, objective, 1.0).logp
    weights = batch.response_ngr * batch.weights_ngr
    loss = jnp.sum(weights * plain) / total.sft
    metrics = {"sft/loss": loss, "sft/nll": jnp.sum(batch.response_ngr * plain) / total.response}
    if objective.revision_weight > 0:
        revision = read_response(model, batch.teacher, *context, length)
        revised = -_statistics(revision, None, model.head(), None, batch, objective, 1.0).logp
        mask = batch.distil_ng[..., None] & batch.response_ngr
        revision_loss = jnp.sum(mask * batch.weights_ngr * revised) / total.revision
        metrics["sft/revision_loss"] = revision_loss
        metrics["sft/revision_nll"] = jnp.sum(mask * revised) / total.distil
        metrics["sft/revision_nll_plain"] = jnp.sum(mask * plain) / total.distil
        loss += objective.revision_weight * revision_loss
    return loss, metrics, plain


def teacher_states(graphdef, params, teacher_params, batch: PackedBatch, context):
    """The teacher's hidden states [N, G, R, D] and head, under stop-gradient.

    With the student's weights (`teacher_params` None) it continues the student's `context`; with weights of its
    own it reads images and prefix itself.
    """
    model = nnx.merge(graphdef, jax.lax.stop_gradient(params if teacher_params is None else teacher_params))
    context = jax.lax.stop_gradient(context) if teacher_params is None else read_prompt(model, batch)
    return read_response(model, batch.teacher, *context, batch.targets_ngr.shape[-1]), model.head()


def rl_losses(graphdef, params, teacher_params, batch: PackedBatch, config: ConfigDict, total: Denominators, weight):
    """L = weight * sum(m w min(KL, cap) c) / sum(m) + beta * sum(M policy c) / sum(M): (loss, metrics, per token).

    m masks rollouts without feedback, M the padding; c is the truncated importance weight between the sampler and
    this forward pass. Everything but the student's hidden states and head is under stop-gradient.
    """
    objective, method = config.objective, method_named(config.method)
    model = nnx.merge(graphdef, params)
    context = read_prompt(model, batch)
    student = read_response(model, batch.student, *context, batch.targets_ngr.shape[-1])
    teacher, teacher_head = None, None
    if method.distil:
        teacher, teacher_head = teacher_states(graphdef, params, teacher_params, batch, context)
    stats = _statistics(student, teacher, model.head(), teacher_head, batch, objective, config.sampling.temperature)
    response = batch.response_ngr.astype(jnp.float32)
    correction = grpo.sampler_correction(
        stats.logp, batch.sampler_logp_ngr, batch.response_ngr, kind="token", cap=objective.importance_cap
    )
    mismatch = response * jnp.abs(stats.logp - batch.sampler_logp_ngr)
    metrics = {
        "entropy": jnp.sum(response * stats.entropy) / total.response,
        "sampling/sampling_logp_difference/mean": jnp.sum(mismatch) / total.response,
    }
    loss, divergence = 0.0, jnp.zeros_like(stats.logp)
    if method.distil:
        divergence = stats.divergence
        distil = response * batch.distil_ng[..., None]
        weights = batch.weights_ngr if method.credit else jnp.ones_like(batch.weights_ngr)
        capped = jnp.minimum(divergence, objective.token_cap)
        distil_loss = jnp.sum(distil * weights * capped * correction) / total.distil
        loss += weight * distil_loss
        metrics |= {"self_distillation/distillation_loss": distil_loss}
        metrics |= _distil_metrics(stats, divergence, distil, batch.weights_ngr, objective.token_cap, total)
    if method.policy:
        policy = grpo.policy_loss_tokens(
            stats.logp,
            None,
            batch.advantages_ng[..., None],
            clip_low=objective.clip_low,
            clip_high=objective.clip_high,
            clip_dual=objective.clip_dual,
        )
        policy_loss = jnp.sum(response * policy.loss * correction) / total.response
        loss += objective.grpo_weight * policy_loss
        metrics["self_distillation/policy_loss"] = policy_loss
    return loss, metrics, divergence


def _statistics(student, teacher, head, teacher_head, batch: PackedBatch, objective: ConfigDict, temperature: float):
    """`token_statistics` of [N, G, R, D] hidden states, as [N, G, R] arrays."""
    flat = [None if hidden is None else hidden.reshape(-1, hidden.shape[-1]) for hidden in (student, teacher)]
    stats = token_statistics(
        *flat,
        head,
        teacher_head,
        batch.targets_ngr.reshape(-1),
        mask_t=batch.response_ngr.reshape(-1),
        temperature=temperature,
        divergence=objective.divergence,
        chunk=objective.chunk,
    )
    return jax.tree.map(lambda values: values.reshape(batch.targets_ngr.shape), stats)


def _distil_metrics(stats, divergence, distil, weights, cap: float, total: Denominators) -> Metrics:
    """Where the divergence lies: on the guilty statements or elsewhere, and which way the teacher leans."""
    guilty = distil * (weights > 1)
    innocent = distil - guilty
    uplift = stats.teacher_logp - stats.logp

    def mean(values, mask):
        return jnp.sum(values * mask) / total.distil

    return {
        "self_distillation/kl": mean(divergence, distil),
        "self_distillation/kl_guilty_share": mean(divergence, guilty),
        "self_distillation/kl_innocent_share": mean(divergence, innocent),
        "self_distillation/guilty_token_fraction": mean(1.0, guilty),
        "self_distillation/mean_weight": mean(weights, distil),
        "self_distillation/uplift_guilty_share": mean(uplift, guilty),
        "self_distillation/uplift_innocent_share": mean(uplift, innocent),
        "self_distillation/capped_fraction": mean(divergence > cap, distil),
        "self_distillation/teacher_entropy": mean(stats.teacher_entropy, distil),
    }


def split_prompts(batch: PackedBatch, parts: int) -> PackedBatch:
    """[N, …] to [parts, N / parts, …], each part taking every parts-th prompt so that no shard is moved."""

    def split(axis, array):
        shape = (*array.shape[:axis], array.shape[axis] // parts, parts, *array.shape[axis + 1 :])
        return jnp.moveaxis(array.reshape(shape), axis + 1, 0)

    def is_positions(path):
        return any(getattr(key, "name", None) == "positions" for key in path)

    return jax.tree_util.tree_map_with_path(lambda path, array: split(1 if is_positions(path) else 0, array), batch)


def make_update(
    graphdef: nnx.GraphDef, config: ConfigDict, optimizer: optax.GradientTransformation
) -> Callable[[TrainState, PackedBatch], tuple[TrainState, Metrics, jax.Array]]:
    """The update function, to be jitted by the caller with its shardings.

    Returns (new state, scalar metrics, per-token divergence float32[N, G, R] (negative log-likelihood for `sft`)).
    """
    method = method_named(config.method)
    schedule = kl_weight(config.objective, config.steps)
    parts = config.batch.micro_batches
    if config.batch.prompts % parts:
        raise UserError(
            f"config.batch.prompts={config.batch.prompts} is not a multiple of config.batch.micro_batches={parts}"
        )

    def losses(params, teacher_params, batch, total, step):
        if method.rollouts:
            weight = schedule(step)
            loss, metrics, per_token = rl_losses(graphdef, params, teacher_params, batch, config, total, weight)
        else:
            loss, metrics, per_token = sft_losses(nnx.merge(graphdef, params), batch, config.objective, total)
        return loss, (metrics | {"loss": loss}, per_token)

    gradient = jax.grad(losses, has_aux=True)

    def accumulated(state, batch):
        total = denominators(batch)
        if parts == 1:
            return gradient(state.params, state.teacher, batch, total, state.step)

        def body(grads, part):
            more, (metrics, per_token) = gradient(state.params, state.teacher, part, total, state.step)
            return jax.tree.map(jnp.add, grads, more), (metrics, per_token)

        zeros = jax.tree.map(jnp.zeros_like, state.params)
        grads, (metrics, per_token) = jax.lax.scan(body, zeros, split_prompts(batch, parts))
        metrics = jax.tree.map(lambda values: jnp.sum(values, axis=0), metrics)
        return grads, (metrics, jnp.swapaxes(per_token, 0, 1).reshape(batch.targets_ngr.shape))

    def update(state: TrainState, batch: PackedBatch):
        grads, (metrics, per_token) = accumulated(state, batch)
        updates, opt_state = optimizer.update(grads, state.opt_state, state.params)
        params = optax.apply_updates(state.params, updates)
        teacher = state.teacher
        if teacher is not None and config.teacher.kind == "ema":
            rate = config.teacher.rate
            teacher = jax.tree.map(lambda old, new: old + rate * (new - old), teacher, params)
        metrics |= {
            "grad_norm": optax.global_norm(grads),
            "kl_weight": schedule(state.step),
            "skipped_updates": opt_state.total_notfinite,
            "skipped_in_a_row": opt_state.notfinite_count,
        }
        return TrainState(state.step + 1, params, opt_state, teacher, state.rng), metrics, per_token

    return update
