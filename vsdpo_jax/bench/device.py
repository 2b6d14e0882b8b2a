"""What the device at hand does with a model of any size: update, prefill and decoding, with random weights.

    python -m vsdpo_jax.bench --only=device --size=2b

Runs on CPU, GPU and TPU, over all devices (parameters split as in training). Tokens/s count real tokens, not those
that the model reads again for the teacher. MFU is the operations of `flops.update` with causal attention, recomputation
not counted, against the vendor's peak; the roofline of decoding is the bytes of parameters and keys and values that a
step must read, against the vendor's bandwidth. Neither is given for a device that `accelerators.py` does not know.
"""

from __future__ import annotations

import dataclasses
import functools
import statistics
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import nnx

from configs import common
from vsdpo_jax.accelerators import Accelerator, accelerator_of
from vsdpo_jax.bench import flops, synthetic
from vsdpo_jax.bench.result import Line
from vsdpo_jax.bench.synthetic import Shape
from vsdpo_jax.errors import UserError
from vsdpo_jax.model.config import Qwen3VLConfig
from vsdpo_jax.objective.optimizer import make_optimizer
from vsdpo_jax.objective.step import init_state, make_update
from vsdpo_jax.rollout.sampler import SamplingConfig, sample
from vsdpo_jax.sharding import make_mesh, put_rows, shardings

TINY = synthetic.model_config(
    {
        "vocab_size": 1024,
        "hidden_size": 128,
        "intermediate_size": 512,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 32,
        "mrope_section": (6, 5, 5),
    },
    {
        "depth": 3,
        "hidden_size": 96,
        "intermediate_size": 384,
        "num_heads": 4,
        "num_position_embeddings": 256,
        "deepstack_visual_indexes": (0, 1),
    },
)
SIZES = ("tiny", "2b", "4b", "8b", "32b")
# Prompts per device; the lengths of the published sizes are the defaults of `configs/common.py`.
TINY_SHAPE = Shape(prompts=2, branches=6, prefix=120, header=3, response=140, feedback=144, image=(160, 128))
LARGE_SHAPE = Shape(prompts=1, branches=8, prefix=1280, header=3, response=2048, feedback=1408, image=(1024, 768))
REPEATS = 3
DOES_NOT_FIT = "RESOURCE_EXHAUSTED"


def model_and_shape(size: str) -> tuple[Qwen3VLConfig, Shape]:
    """The model of `--size`, and a batch for all devices."""
    if size not in SIZES:
        raise UserError(f"--size={size} is unknown: choose one of {', '.join(SIZES)}")
    config, shape = (TINY, TINY_SHAPE) if size == "tiny" else (Qwen3VLConfig.preset(size), LARGE_SHAPE)
    return config, dataclasses.replace(shape, prompts=shape.prompts * jax.device_count())


def median_seconds(step: Callable[[], object], repeats: int = REPEATS) -> float:
    """Of `repeats` calls after one that compiles."""
    jax.block_until_ready(step())
    taken = []
    for _ in range(repeats):
        started = time.perf_counter()
        jax.block_until_ready(step())
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)


def update_seconds(config: Qwen3VLConfig, shape: Shape, mesh) -> float:
    """One update as in training: float32 masters, bfloat16 compute, one prompt per device at a time."""
    settings = common.base()
    with settings.unlocked():
        settings.batch.prompts, settings.teacher.kind = shape.prompts, "live"
        settings.batch.micro_batches = shape.prompts // jax.device_count()
    graphdef, params = synthetic.random_model(config, mesh=mesh, dtype=jnp.bfloat16, remat="full")
    optimizer = make_optimizer(settings.optim, settings.steps)
    state = init_state(params, optimizer, "live", seed=0)
    places = shardings(mesh, state)
    held = [jax.device_put(state, places)]
    del params, state
    update = jax.jit(make_update(graphdef, settings, optimizer), donate_argnums=0, out_shardings=(places, None, None))
    batch = put_rows(synthetic.batch(config, shape))

    def step():
        # The state before is donated, so it must be held nowhere else.
        state, metrics, _ = update(held.pop(), batch)
        held.append(state)
        return metrics

    return median_seconds(step)


def generation_seconds(config: Qwen3VLConfig, shape: Shape, mesh) -> tuple[float, float]:
    """(prefill with images, decoding without it) in bfloat16."""
    graphdef, params = synthetic.random_model(config, mesh=mesh, dtype=jnp.bfloat16, param_dtype=jnp.bfloat16)
    prefix, images = put_rows(synthetic.prompts(config, shape))

    @jax.jit
    def prefill(params, prefix, images):
        model = nnx.merge(graphdef, params)
        hidden, cache = model.decode(prefix, model.encode_images(images))
        return hidden[:, :, -1] @ model.head().T.astype(hidden.dtype), cache

    settings = SamplingConfig(max_tokens=shape.response)
    whole = functools.partial(sample, graphdef, branches=shape.branches, config=settings)
    before = median_seconds(lambda: prefill(params, prefix, images))
    return before, median_seconds(lambda: whole(params, prefix, images, jax.random.key(0))) - before


def bytes_per_step(config: Qwen3VLConfig, shape: Shape, devices: int) -> float:
    """What a device must read for one token of each of its branches, on average over a response, in bfloat16.

    Parameters are whole on every device; a prompt's keys and values are read once for all of its branches.
    """
    text = config.text
    parameters = text.num_hidden_layers * flops.layer_parameters(text) + text.vocab_size * text.hidden_size
    per_token = 2 * text.num_hidden_layers * text.num_key_value_heads * text.head_dim
    seen = shape.prefix + shape.header + shape.branches * shape.response / 2
    return 2 * (parameters + shape.prompts / devices * per_token * seen)


def _update_line(size: str, config, shape: Shape, mesh, chip: Accelerator | None) -> Line:
    name, tokens = f"device/{size}/update", shape.prompts * shape.branches * shape.response
    try:
        taken = update_seconds(config, shape, mesh)
    except jax.errors.JaxRuntimeError as error:
        if DOES_NOT_FIT not in str(error):
            raise
        return Line(name, float("nan"), "tokens/s", note="not measured: it does not fit into this device's memory")
    note = f"response tokens; {taken:.2f} s for {shape.prompts} x {shape.branches} responses of {shape.response}"
    operations = flops.update(config, shape, shared=True, causal=True)
    if chip is None:
        note += f"; {operations / taken / 1e12:.3g} TFLOP/s, images not counted"
    else:
        peak = chip.bf16_flops * jax.device_count()
        note += f"; MFU {operations / taken / peak:.1%} of {peak / 1e12:.0f} TFLOP/s, images not counted"
    return Line(name, tokens / taken, "tokens/s", note=note)


def _generation_lines(size: str, config, shape: Shape, mesh, chip: Accelerator | None) -> list[Line]:
    prefill, decode = generation_seconds(config, shape, mesh)
    prompt_tokens = shape.prompts * (shape.prefix + shape.header)
    new_tokens = shape.prompts * shape.branches * shape.response
    per_step = decode / shape.response
    note = f"{1e3 * per_step:.2f} ms a step of {shape.prompts * shape.branches} rows"
    if chip is not None and jax.device_count() == 1:
        share = bytes_per_step(config, shape, 1) / per_step / (1e9 * chip.hbm_gb_per_second)
        note += f"; {share:.1%} of the bandwidth roofline ({chip.hbm_gb_per_second:.0f} GB/s)"
    return [
        Line(f"device/{size}/prefill", prompt_tokens / prefill, "tokens/s", note=f"images included; {prefill:.3f} s"),
        Line(f"device/{size}/decode", new_tokens / decode, "tokens/s", note=note),
    ]


def run(options) -> list[Line]:
    """Measures the model of `options.size`."""
    config, shape = model_and_shape(options.size)
    chip = accelerator_of(jax.devices()[0].device_kind)
    mesh = make_mesh()
    with jax.set_mesh(mesh):
        lines = _generation_lines(options.size, config, shape, mesh, chip)
        return [_update_line(options.size, config, shape, mesh, chip), *lines]
