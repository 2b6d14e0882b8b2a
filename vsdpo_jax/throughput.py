"""How much work a step does, and how much of the devices' peak that is.

Work is what the method needs: matrix products of tokens that are no padding, gradients at twice the cost of the forward
pass. What a run computes on top, padding and recomputation, is not work, as in the usual definition of MFU.
"""

from __future__ import annotations

from collections.abc import Mapping

import jax
import numpy as np

from vsdpo_jax.accelerators import accelerator_of
from vsdpo_jax.model.config import Qwen3VLConfig, TextConfig, VisionConfig
from vsdpo_jax.pack import PackedBatch

# Of a product and its two gradients, in forward passes.
TRAINED = 3


def update_flops(config: Qwen3VLConfig, batch: PackedBatch, *, student: bool, teacher: str, reference: bool) -> float:
    """FLOPs of one update of a batch.

    Args:
      student: the targets follow the prompt alone; else (`teacher` aside) nothing is counted.
      teacher: `` (none), `shared` (the student's weights, forward only), `own` (weights of its own, which read the
        prompt again) or `trained` (the supervised targets after feedback).
      reference: other weights read what the student reads.
    """
    prefix, taught = _lengths(batch.prefix), _lengths(batch.teacher)
    plain = _lengths(batch.student)
    responses = float(np.sum(batch.response_ngr))
    slots = batch.images.valid.shape[1] - plain.shape[1]
    patches = np.asarray(batch.images.valid).sum(-1)
    prompt_images = vision_flops(config.vision, patches[:, :slots])
    renders = vision_flops(config.vision, patches[:, slots:])
    read_prompt = text_flops(config.text, prefix, np.zeros_like(prefix))
    answer = text_flops(config.text, plain, prefix) + head_flops(config.text, responses)
    revision = text_flops(config.text, taught, prefix) + head_flops(config.text, responses)

    work = TRAINED * (prompt_images + read_prompt + answer) if student else 0.0
    if teacher == "trained":
        work += TRAINED * (renders + revision)
    elif teacher:
        work += renders + revision + (prompt_images + read_prompt if teacher == "own" else 0.0)
    return work + (prompt_images + read_prompt + answer if reference else 0.0)


def text_flops(config: TextConfig, lengths: np.ndarray, before: np.ndarray) -> float:
    """Forward FLOPs of the layers for sequences of `lengths` tokens, each after `before` cached ones (broadcast)."""
    d, heads, kv, width = (
        config.hidden_size,
        config.num_attention_heads,
        config.num_key_value_heads,
        config.head_dim,
    )
    weights = d * (heads + 2 * kv) * width + heads * width * d + 3 * d * config.intermediate_size
    lengths = np.asarray(lengths, np.float64)
    # A token attends to all before it and to itself: products with keys and with values.
    pairs = lengths * before + lengths * (lengths + 1) / 2
    return config.num_hidden_layers * float(2 * weights * lengths.sum() + 4 * heads * width * pairs.sum())


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


def speed_metrics(metrics: Mapping[str, float], batch: PackedBatch, seconds: float, flops: float) -> dict[str, float]:
    """Tokens a second, in verl's terms for each device, and MFU where the device's peak is known.

    Args:
      metrics: with the stages' seconds, `timing_s/…`.
      batch: of this host.
      seconds: of the whole step.
      flops: of this host's part of the update.
    """
    devices = jax.local_device_count()
    tokens = float(sum(np.sum(part.valid) for part in (batch.prefix, batch.student)))
    found = {"step_time": seconds, "perf/total_num_tokens": tokens, "perf/throughput": tokens / seconds / devices}
    update, rollout = metrics.get("timing_s/update", 0.0), metrics.get("timing_s/rollout", 0.0)
    if rollout and "completions/num_tokens" in metrics:
        found["perf/rollout_tokens_per_second"] = metrics["completions/num_tokens"] / rollout
    if update:
        found["perf/update_flops_per_second"] = flops / update
        chip = accelerator_of(jax.local_devices()[0].device_kind)
        if chip is not None:
            found["perf/mfu"] = flops / update / devices / chip.bf16_flops
    peak = [(device.memory_stats() or {}).get("peak_bytes_in_use") for device in jax.local_devices()]
    if all(peak):
        found["perf/max_memory_allocated_gb"] = max(peak) / 1e9
    return found


def _lengths(sequence) -> np.ndarray:
    """[N, G] tokens that are no padding."""
    return np.asarray(sequence.valid).sum(-1).astype(np.float64)
