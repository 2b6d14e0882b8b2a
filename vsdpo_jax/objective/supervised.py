"""The objective of `method=sft`: the targets after the prompt, and after prompt and feedback."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from vsdpo_jax.objective.forward import read_prompt, read_response
from vsdpo_jax.objective.terms import Denominators, Metrics, batch_statistics, distil_mask, revision_weights
from vsdpo_jax.pack import PackedBatch


def sft_losses(model, batch: PackedBatch, objective: ConfigDict, total: Denominators):
    """Cross-entropy after the prompt plus `revision_weight` times that after prompt + feedback.

    Returns (loss, metrics, {"nll": float32[N, G, R]}).
    """
    length = batch.targets_ngr.shape[-1]
    context = read_prompt(model, batch, renders=objective.revision_weight > 0)

    def nll(continuation) -> jax.Array:
        hidden = read_response(model, continuation, *context, length)
        return -batch_statistics(hidden, None, model.head(), None, batch, objective, 1.0).logp

    plain = nll(batch.student)
    loss = jnp.sum(batch.response_ngr * batch.weights_ngr * plain) / total.sft
    metrics: Metrics = {"sft/loss": loss, "sft/nll": jnp.sum(batch.response_ngr * plain) / total.tokens}
    if objective.revision_weight > 0:
        revised, mask = nll(batch.teacher), distil_mask(batch)
        revision_loss = jnp.sum(mask * revision_weights(batch) * revised) / total.revision
        metrics["sft/revision_loss"] = revision_loss
        metrics["sft/revision_nll"] = jnp.sum(mask * revised) / total.distil_tokens
        metrics["sft/revision_nll_plain"] = jnp.sum(mask * plain) / total.distil_tokens
        loss += objective.revision_weight * revision_loss
    return loss, metrics, {"nll": plain}
