"""Floating-point operations, counted from shapes: the one count that metrics, plans and measurements use.

Work is what the method needs: matrix products of tokens that are no padding (a multiply-add is two operations), and
gradients at twice the cost of the forward pass. What a program computes on top, padding and recomputation, is not work,
as in the usual definition of MFU. A test holds the counts against the compiler's.
"""

from __future__ import annotations

import numpy as np

from vsdpo_jax.model.config import Qwen3VLConfig, TextConfig, VisionConfig
from vsdpo_jax.pack import PackedBatch

# Of a product and its two gradients, in forward passes.
TRAINED = 3


def update_flops(
    config: Qwen3VLConfig, batch: PackedBatch, *, student: bool, teacher: str, reference: bool, causal: bool = True
) -> float:
    """FLOPs of one update of a batch.

    Args:
      student: the targets follow the prompt alone; else (`teacher` aside) nothing is counted.
      teacher: `` (none), `shared` (the student's weights, forward only), `own` (weights of its own, which read the
        prompt again) or `trained` (the supervised targets after feedback).
      reference: other weights read what the student reads.
      causal: as in `text_flops`.
    """
    prefix, taught = _lengths(batch.prefix), _lengths(batch.teacher)
    plain = _lengths(batch.student)
    responses = float(np.sum(batch.response_ngr))
    slots = batch.images.valid.shape[1] - plain.shape[1]
    patches = np.asarray(batch.images.valid).sum(-1)
    prompt_images = vision_flops(config.vision, patches[:, :slots])
    renders = vision_flops(config.vision, patches[:, slots:])
    read_prompt = text_flops(config.text, prefix, np.zeros_like(prefix), causal=causal)
    answer = text_flops(config.text, plain, prefix, causal=causal) + head_flops(config.text, responses)
    revision = text_flops(config.text, taught, prefix, causal=causal) + head_flops(config.text, responses)

    work = TRAINED * (prompt_images + read_prompt + answer) if student else 0.0
    if teacher == "trained":
        work += TRAINED * (renders + revision)
    elif teacher:
        work += renders + revision + (prompt_images + read_prompt if teacher == "own" else 0.0)
    return work + (prompt_images + read_prompt + answer if reference else 0.0)


def text_flops(config: TextConfig, lengths: np.ndarray, before: np.ndarray, *, causal: bool = True) -> float:
    """Forward FLOPs of the layers for sequences of `lengths` tokens, each after `before` cached ones (broadcast).

    With `causal` a token attends to all before it and to itself, which a kernel that skips hidden blocks comes close
    to; without, to all of its sequence, which the plain formula computes.
    """
    lengths = np.asarray(lengths, np.float64)
    own = lengths * (lengths + 1) / 2 if causal else lengths**2
    # Products with keys and with values.
    attention = 4 * config.num_attention_heads * config.head_dim * (lengths * before + own).sum()
    return config.num_hidden_layers * float(2 * layer_parameters(config) * lengths.sum() + attention)


def layer_parameters(config: TextConfig) -> int:
    """Parameters of one decoder layer that every token is multiplied with."""
    attention = config.head_dim * (2 * config.num_attention_heads + 2 * config.num_key_value_heads)
    return config.hidden_size * (attention + 3 * config.intermediate_size)


def head_flops(config: TextConfig, tokens: float) -> float:
    """Forward FLOPs of the projection to the vocabulary."""
    return 2.0 * config.vocab_size * config.hidden_size * tokens


def vision_flops(config: VisionConfig, patches: np.ndarray) -> float:
    """Forward FLOPs of the vision tower for images of so many patches each; every patch attends to its whole image."""
    d, merged = config.hidden_size, config.hidden_size * config.merge_unit
    patches = np.asarray(patches, np.float64)
    block = 2 * (4 * d * d + 2 * d * config.intermediate_size) * patches.sum() + 4 * d * (patches**2).sum()
    mergers = (1 + len(config.deepstack_visual_indexes)) * 2 * merged * (merged + config.out_hidden_size)
    embedding = 2 * config.patch_dim * d * patches.sum()
    return float(config.depth * block + mergers * patches.sum() / config.merge_unit + embedding)


def _lengths(sequence) -> np.ndarray:
    """[N, G] tokens that are no padding."""
    return np.asarray(sequence.valid).sum(-1).astype(np.float64)
