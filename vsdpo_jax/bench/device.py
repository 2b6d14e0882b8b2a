"""What the device at hand does with a model of any size, beside what `plan` predicts for it.

    python -m vsdpo_jax.bench --only=device --size=2b

Update, prefill and decoding are the functions that training runs, with random weights, over all devices; on CPU, GPU
and TPU. Tokens/s count real tokens, not those that the model reads again for the teacher. The prediction is that of
`plan.predict` from the vendor's peak and bandwidth; for a device that `accelerators.py` does not know (a CPU), both are
first measured, by one large product and one large copy. A ratio above 1 is faster than predicted.
"""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from configs import common
from vsdpo_jax.accelerators import Accelerator, accelerator_of
from vsdpo_jax.bench import synthetic
from vsdpo_jax.bench.result import Line
from vsdpo_jax.bench.synthetic import Shape
from vsdpo_jax.errors import UserError
from vsdpo_jax.flops import layer_parameters
from vsdpo_jax.model.config import Qwen3VLConfig
from vsdpo_jax.objective.optimizer import make_optimizer
from vsdpo_jax.objective.step import init_state, jit_update
from vsdpo_jax.plan import predict
from vsdpo_jax.plan.inputs import HEADER
from vsdpo_jax.rollout.engine import jit_decode, jit_prefill
from vsdpo_jax.rollout.sampler import SamplingConfig
from vsdpo_jax.rollout.weights import sampler_mesh
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
TINY_SHAPE = Shape(prompts=2, branches=6, prefix=120, header=HEADER, response=140, feedback=144, image=(160, 128))
LARGE_SHAPE = Shape(prompts=1, branches=8, prefix=1280, header=HEADER, response=2048, feedback=1408, image=(1024, 768))
REPEATS = 3
PATCH = 16  # Pixels of a side.
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


def run_config(shape: Shape) -> ConfigDict:
    """The config of a run with this batch: one prompt per device at a time, the live teacher."""
    config = common.base()
    with config.unlocked():
        config.batch.prompts, config.batch.group = shape.prompts, shape.branches
        config.batch.micro_batches = shape.prompts // jax.device_count()
        config.sampling.chunks, config.teacher.kind = 1, "live"
        lengths = config.lengths
        lengths.prefix, lengths.response, lengths.feedback = shape.prefix, shape.response, shape.feedback
        lengths.patches = shape.image[0] // PATCH * (shape.image[1] // PATCH)
    return config


def chip_at_hand() -> tuple[Accelerator, str]:
    """The device, and where its peak and bandwidth are from."""
    kind = jax.devices()[0].device_kind
    chip = accelerator_of(kind)
    if chip is not None:
        return chip, "the vendor's"
    size, count = 2048, 1 << 26
    product = jax.jit(lambda x: x @ x)
    copy = jax.jit(lambda x: x + 1)
    square, line = jnp.ones((size, size), jnp.bfloat16), jnp.ones(count, jnp.float32)
    peak = 2 * size**3 / median_seconds(lambda: product(square))
    bandwidth = 8 * count / median_seconds(lambda: copy(line))
    # Devices of one processor share it.
    share = jax.local_device_count() if jax.devices()[0].platform == "cpu" else 1
    return Accelerator(kind, peak / share, float("nan"), bandwidth / share / 1e9, (kind,)), "measured"


def update_seconds(model: Qwen3VLConfig, shape: Shape, mesh) -> float:
    """One update as in training: float32 masters, bfloat16 compute, one prompt per device at a time."""
    config = run_config(shape)
    graphdef, params = synthetic.random_model(model, mesh=mesh, dtype=jnp.bfloat16, remat="full")
    optimizer = make_optimizer(config.optim, config.steps)
    state = init_state(params, optimizer, "live", seed=0)
    held = [jax.device_put(state, shardings(mesh, state))]
    del params, state
    update = jit_update(graphdef, config, optimizer, mesh, held[0])
    batch = put_rows(synthetic.batch(model, shape))

    def step():
        # The state before is donated, so it must be held nowhere else.
        state, metrics, _ = update(held.pop(), batch)
        held.append(state)
        return metrics

    return median_seconds(step)


def generation_seconds(model: Qwen3VLConfig, shape: Shape, mesh) -> tuple[float, float]:
    """(prefill with images, decoding of all tokens) in bfloat16, a copy of the weights on every device."""
    rows = sampler_mesh(mesh, 1)
    with jax.set_mesh(rows):
        options = {"dtype": jnp.bfloat16, "param_dtype": jnp.bfloat16}
        graphdef, params = synthetic.random_model(model, mesh=rows, **options)
        prompts = put_rows(synthetic.prompts(model, shape))
        arguments = params, *prompts, jax.random.key(0)
        config = SamplingConfig(max_tokens=shape.response)
        read = jit_prefill(graphdef, rows, arguments, branches=shape.branches, config=config)
        state = read(*arguments)
        write = jit_decode(graphdef, rows, state, config=config)
        state, _ = jax.block_until_ready(write(params, state, 1))  # Compiles.
        del state
        taken = []
        for _ in range(REPEATS):
            state = jax.block_until_ready(read(*arguments))
            started = time.perf_counter()
            state, _ = jax.block_until_ready(write(params, state, shape.response))
            taken.append(time.perf_counter() - started)
            del state
        return median_seconds(lambda: read(*arguments)), statistics.median(taken)


def _line(name: str, tokens: int, taken: float, work: predict.Work, chip: Accelerator, source: str, more="") -> Line:
    """Tokens/s, beside the prediction; `more` is put before the shares of peak and bandwidth."""
    assumed, chips = predict.Assumptions(), jax.device_count()
    planned = predict.seconds(work, 0.0, chip, chips, assumed)
    mfu = work.needed / taken / chips / chip.bf16_flops
    bandwidth = work.least / taken / (1e9 * chip.hbm_gb_per_second)
    expected = work.needed / planned / chips / chip.bf16_flops
    note = (
        f"{taken:.3g} s, planned {planned:.3g} s{more}; MFU {mfu:.1%}, planned {expected:.1%}, of {source} "
        f"{chip.bf16_flops / 1e12:.3g} TFLOP/s; {bandwidth:.1%} of {source} {chip.hbm_gb_per_second:.0f} GB/s"
    )
    return Line(name, tokens / taken, "tokens/s", planned / taken, note)


def _update_line(size: str, model: Qwen3VLConfig, shape: Shape, mesh, chip: Accelerator, source: str) -> Line:
    name, tokens = f"device/{size}/update", shape.prompts * shape.branches * shape.response
    try:
        taken = update_seconds(model, shape, mesh)
    except jax.errors.JaxRuntimeError as error:
        if DOES_NOT_FIT not in str(error):
            raise
        return Line(name, float("nan"), "tokens/s", note="not measured: it does not fit into this device's memory")
    work = predict.update_work(run_config(shape), model, 0)
    return _line(name, tokens, taken, work, chip, source)


def _generation_lines(size: str, model: Qwen3VLConfig, shape: Shape, mesh, chip, source: str) -> list[Line]:
    prefill, decode = generation_seconds(model, shape, mesh)
    config, text = run_config(shape), model.text
    weights = 2 * (text.num_hidden_layers * layer_parameters(text) + text.vocab_size * text.hidden_size)
    read = predict.prefill_work(config, model, weights)
    write = predict.decode_work(config, model, weights, jax.device_count(), 1.0)
    rows = shape.prompts * shape.branches
    each = f", {1e3 * decode / shape.response:.3g} ms a token of {rows} rows"
    tokens = shape.prompts * (shape.prefix + shape.header)
    return [
        _line(f"device/{size}/prefill", tokens, prefill, read, chip, source),
        _line(f"device/{size}/decode", rows * shape.response, decode, write, chip, source, each),
    ]


def run(options) -> list[Line]:
    """Measures the model of `options.size`."""
    model, shape = model_and_shape(options.size)
    chip, source = chip_at_hand()
    mesh = make_mesh()
    with jax.set_mesh(mesh):
        lines = _generation_lines(options.size, model, shape, mesh, chip, source)
        return [_update_line(options.size, model, shape, mesh, chip, source), *lines]
