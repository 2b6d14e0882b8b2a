"""Prefill, then continue: who reads what in an update.

The G branches of a prompt share its prefix, and student and teacher share it too while they have the same weights.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from vsdpo_jax.model.inputs import ImagePatches, Sequence, VisualFeatures
from vsdpo_jax.pack import PackedBatch


@jax.named_scope("prompt")
def read_prompt(model, batch: PackedBatch, *, renders: bool = False):
    """The prompt's images (`images` None: text only) and every prefix once: (visual features, prefix cache).

    `renders` reads those of the teacher's turns as well, which prompt and responses never look at.
    """
    visual = None
    if batch.images is not None:
        visual = model.encode_images(batch.images if renders else _image_slots(batch, slice(_prompt_slots(batch))))
    _, prefix = model.decode(batch.prefix, visual)
    return visual, prefix


def _prompt_slots(batch: PackedBatch) -> int:
    return batch.images.patches.shape[1] - batch.targets_ngr.shape[1]


def _image_slots(batch: PackedBatch, slots: slice) -> ImagePatches:
    return jax.tree.map(lambda array: array[:, slots], batch.images)


def _with_renders(model, visual: VisualFeatures | None, batch: PackedBatch) -> VisualFeatures | None:
    """Features of the prompt's images, then of the renders: the order of the image slots."""
    if visual is None:
        return None
    renders = model.encode_images(_image_slots(batch, slice(_prompt_slots(batch), None)))
    return jax.tree.map(lambda *parts: jnp.concatenate(parts, axis=-2), visual, renders)


def read_response(model, continuation: Sequence, visual, prefix, length: int) -> jax.Array:
    """Hidden states [N, G, R, D] that predict the response at the end of a continuation."""
    hidden, _ = model.decode(continuation, visual, prefix)
    return hidden[:, :, -length - 1 : -1]


@jax.named_scope("teacher")
def teacher_states(graphdef: nnx.GraphDef, params, teacher_params: Any | None, batch: PackedBatch, context):
    """The teacher's hidden states [N, G, R, D] and head, under stop-gradient.

    With the student's weights (`teacher_params` None) it continues the student's `context`; with weights of its
    own it reads the prompt itself. The renders are its alone.
    """
    model = nnx.merge(graphdef, jax.lax.stop_gradient(params if teacher_params is None else teacher_params))
    visual, prefix = jax.lax.stop_gradient(context) if teacher_params is None else read_prompt(model, batch)
    visual = _with_renders(model, visual, batch)
    return read_response(model, batch.teacher, visual, prefix, batch.targets_ngr.shape[-1]), model.head()


@jax.named_scope("reference")
def reference_states(graphdef: nnx.GraphDef, reference_params, batch: PackedBatch):
    """As `teacher_states` for weights that read exactly what the student reads."""
    model = nnx.merge(graphdef, jax.lax.stop_gradient(reference_params))
    return read_response(model, batch.student, *read_prompt(model, batch), batch.targets_ngr.shape[-1]), model.head()
