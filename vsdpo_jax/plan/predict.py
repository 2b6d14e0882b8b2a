"""Seconds that a stage will take, from its work, its memory traffic and its collectives; see `Assumptions`."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from ml_collections import ConfigDict

from vsdpo_jax import flops
from vsdpo_jax.accelerators import Accelerator
from vsdpo_jax.model.config import Qwen3VLConfig, TextConfig
from vsdpo_jax.objective.method import method_named
from vsdpo_jax.plan.inputs import HEADER, Shapes

# Vendor's figures, GB/s a chip over all its links (1.6, 4.8 and 3.58 Tbit/s).
INTERCONNECT = {"v5e": 200.0, "v5p": 600.0, "v6e": 448.0}
# Cores of a host with four chips: ct5lp-hightpu-4t, ct5p-hightpu-4t, ct6e-standard-4t.
HOST_CORES = {"v5e": 112, "v5p": 208, "v6e": 180}


@dataclasses.dataclass(frozen=True)
class Assumptions:
    """What is not computed. Nothing here has been measured on a TPU.

    Attributes:
      compute: share of the peak that large matrix products reach.
      bandwidth: share of the HBM bandwidth that decoding reaches.
      links: share of the interconnect that collectives reach; they are counted as not overlapping with work.
      collective_seconds: that a collective takes however little it moves.
      render_core_seconds: of one render, with isolation and attribution.
      response: mean share of the longest response that is written.
    """

    compute: float = 0.6
    bandwidth: float = 0.75
    links: float = 0.5
    collective_seconds: float = 5e-6
    render_core_seconds: float = 0.3
    response: float = 1.0


@dataclasses.dataclass(frozen=True)
class Work:
    """FLOPs of all chips, and bytes that each chip reads.

    Attributes:
      needed: the work of the method, which MFU counts.
      executed: with what remat computes again.
      read: bytes that the program reads.
      least: bytes that any program has to read, the roofline of stages that memory bounds.
    """

    needed: float
    executed: float
    read: float
    least: float


def update_work(config: ConfigDict, model: Qwen3VLConfig, parameters: int) -> Work:
    """Of one update with no padding; `parameters`: bytes on a chip."""
    method, batch = method_named(config.method), Shapes(config, model).full_batch()
    teacher = ("shared" if config.teacher.kind == "live" else "own") if method.distil else ""
    if not method.rollouts:
        teacher = "trained" if config.objective.revision_weight > 0 else ""
    reference = method.rollouts and config.objective.reference_kl_weight > 0
    needed = flops.update_flops(model, batch, student=True, teacher=teacher, reference=reference)
    student = flops.update_flops(model, batch, student=True, teacher="", reference=False)
    again = 0.0 if config.remat == "none" else student / flops.TRAINED
    again += (config.batch.rollout_parts - 1) * _prompts_again(config, model, teacher)
    return Work(needed, needed + again, 3.0 * parameters, 3.0 * parameters)


def _prompts_again(config: ConfigDict, model: Qwen3VLConfig, teacher: str) -> float:
    """FLOPs of all prompts and their images once more, with gradients and what remat computes again."""
    lengths = config.lengths
    prompts = np.full(config.batch.prompts, lengths.prefix)
    once = flops.text_flops(model.text, prompts, np.zeros_like(prompts))
    once += flops.vision_flops(model.vision, np.full(config.batch.prompts * lengths.images, lengths.patches))
    return once * (flops.TRAINED + (config.remat != "none") + (teacher == "own"))


def prefill_work(config: ConfigDict, model: Qwen3VLConfig, weights: int) -> Work:
    """Of all chunks; `weights`: bytes of the sampler's on a chip."""
    prompts, lengths = config.batch.prompts, config.lengths
    tokens = np.full(prompts, lengths.prefix + HEADER)
    work = flops.text_flops(model.text, tokens, np.zeros_like(tokens))
    work += flops.vision_flops(model.vision, np.full(prompts * lengths.images, lengths.patches))
    read = float(weights) * config.sampling.chunks
    return Work(work, work, read, read)


def decode_work(config: ConfigDict, model: Qwen3VLConfig, weights: int, chips: int, response: float) -> Work:
    """Of all chunks, every response as long as `response` of the longest.

    Each token reads all weights on the chip, the prefix once for all branches of a prompt, and of each response the
    keys and values so far; the program reads the room for the whole response.
    """
    count = response * config.lengths.response
    rows = config.batch.prompts * config.batch.group
    prefix = config.lengths.prefix + HEADER
    work = flops.text_flops(model.text, np.full(rows, count), np.full(rows, float(prefix)))
    work += flops.head_flops(model.text, rows * count)

    def read(seen: float) -> float:
        cached = kv_bytes(model.text) * (config.batch.prompts * prefix + rows * seen) / chips
        return count * (config.sampling.chunks * weights + cached)

    return Work(work, work, read(config.lengths.response), read(count / 2))


def kv_bytes(text: TextConfig) -> int:
    """Bytes of one token's keys and values in bfloat16."""
    return 2 * 2 * text.num_hidden_layers * text.num_key_value_heads * text.head_dim


def seconds(
    work: Work, traffic: float, chip: Accelerator, chips: int, assumed: Assumptions, collectives: float = 0.0
) -> float:
    """The longer of work and memory, and then the collectives, so many with `traffic` bytes that reach each chip."""
    compute = work.executed / chips / (chip.bf16_flops * assumed.compute)
    memory = work.read / (chip.hbm_gb_per_second * 1e9 * assumed.bandwidth)
    links = traffic / (INTERCONNECT.get(chip.name, math.inf) * 1e9 * assumed.links)
    return max(compute, memory) + links + collectives * assumed.collective_seconds


def render_cores(config: ConfigDict, rollout_seconds: float, assumed: Assumptions) -> int:
    """Cores, over all hosts, that render a step's rollouts in the time in which they are decoded."""
    renders = config.batch.prompts * config.batch.group
    return math.ceil(renders * assumed.render_core_seconds / rollout_seconds)


def render_tail(config: ConfigDict, rollout_seconds: float, cores: int, assumed: Assumptions) -> float:
    """Seconds of rendering after the last token: what did not fit beside the decoding, and at least the last render."""
    renders = config.batch.prompts * config.batch.group
    return max(renders * assumed.render_core_seconds / max(cores, 1) - rollout_seconds, assumed.render_core_seconds)


def kept_activations(config: ConfigDict, model: Qwen3VLConfig, row_shards: int) -> int:
    """Bytes a chip of the layer inputs that full remat keeps for the backward pass, in the compute type of 2 bytes."""
    if config.remat != "full":
        return 0
    lengths, text, vision = config.lengths, model.text, model.vision
    prompts = math.ceil(config.batch.prompts / config.batch.micro_batches / row_shards)
    rollouts = config.batch.group // config.batch.rollout_parts
    tokens = lengths.prefix + rollouts * (HEADER + lengths.response)
    patches = lengths.images * lengths.patches
    kept = tokens * text.hidden_size * text.num_hidden_layers + patches * vision.hidden_size * vision.depth
    return 2 * prompts * kept
