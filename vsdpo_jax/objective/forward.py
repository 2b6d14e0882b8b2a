"""Prefill, then continue: who reads what in an update.

The G branches of a prompt share its prefix, and student and teacher share it too while they have the same weights.
"""

from __future__ import annotations

from typing import Any

import jax
from flax import nnx

from vsdpo_jax.model.inputs import Sequence
from vsdpo_jax.pack import PackedBatch


def read_prompt(model, batch: PackedBatch):
    """Every distinct image once (`images` None: text only) and every prefix once: (visual features, prefix cache)."""
    visual = None if batch.images is None else model.encode_images(batch.images)
    _, prefix = model.decode(batch.prefix, visual)
    return visual, prefix


def read_response(model, continuation: Sequence, visual, prefix, length: int) -> jax.Array:
    """Hidden states [N, G, R, D] that predict the response at the end of a continuation."""
    hidden, _ = model.decode(continuation, visual, prefix)
    return hidden[:, :, -length - 1 : -1]


def teacher_states(graphdef: nnx.GraphDef, params, teacher_params: Any | None, batch: PackedBatch, context):
    """The teacher's hidden states [N, G, R, D] and head, under stop-gradient.

    With the student's weights (`teacher_params` None) it continues the student's `context`; with weights of its
    own it reads images and prefix itself.
    """
    model = nnx.merge(graphdef, jax.lax.stop_gradient(params if teacher_params is None else teacher_params))
    context = jax.lax.stop_gradient(context) if teacher_params is None else read_prompt(model, batch)
    return read_response(model, batch.teacher, *context, batch.targets_ngr.shape[-1]), model.head()


def reference_states(graphdef: nnx.GraphDef, reference_params, batch: PackedBatch):
    """As `teacher_states` for weights that read exactly what the student reads."""
    model = nnx.merge(graphdef, jax.lax.stop_gradient(reference_params))
    return read_response(model, batch.student, *read_prompt(model, batch), batch.targets_ngr.shape[-1]), model.head()
