"""The group layout of the update (prefix once per prompt) against the same model with every sequence on its own.

Both give the same loss and gradients, which is checked before anything is timed. Operations are the compiler's count
of gradient and loss, lowered with every layer unrolled (it counts the body of a loop once); they are checked against
the count of `flops`. Wall time is that of a small model at a fifth of the lengths: the full one needs an accelerator.
"""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from vsdpo_jax import flops
from vsdpo_jax.bench import synthetic
from vsdpo_jax.bench.result import Line
from vsdpo_jax.bench.synthetic import Shape
from vsdpo_jax.model.config import Qwen3VLConfig
from vsdpo_jax.model.inputs import Sequence
from vsdpo_jax.model.qwen3vl import split_abstract
from vsdpo_jax.objective.divergence import token_statistics
from vsdpo_jax.objective.forward import read_prompt, read_response
from vsdpo_jax.pack import PackedBatch

FULL = Shape(prompts=1, branches=8, prefix=1200, header=3, response=1000, feedback=1300)
COUNTED = Qwen3VLConfig.preset("8b")
SMALL = Shape(prompts=2, branches=8, prefix=240, header=3, response=200, feedback=260)
TIMED = synthetic.model_config(
    {
        "vocab_size": 4096,
        "hidden_size": 256,
        "intermediate_size": 768,
        "num_hidden_layers": 6,
        "num_attention_heads": 8,
        "num_key_value_heads": 2,
        "head_dim": 32,
        "mrope_section": (6, 5, 5),
    }
)
REPEATS = 5


def shared(model, batch: PackedBatch) -> tuple[jax.Array, jax.Array]:
    """Student's and teacher's hidden states [N, G, R, D], each prefix read once."""
    context = read_prompt(model, batch)
    length = batch.targets_ngr.shape[-1]
    teacher = read_response(model, batch.teacher, *jax.lax.stop_gradient(context), length)
    return read_response(model, batch.student, *context, length), teacher


def separate(model, batch: PackedBatch) -> tuple[jax.Array, jax.Array]:
    """The same, every rollout a sequence that begins with its prompt."""
    shape = batch.targets_ngr.shape

    def read(continuation):
        hidden, _ = model.decode(whole_sequences(batch.prefix, continuation))
        return hidden[:, 0, -shape[-1] - 1 : -1].reshape(*shape, -1)

    return read(batch.student), read(batch.teacher)


def whole_sequences(prefix: Sequence, continuation: Sequence) -> Sequence:
    """[N * G, 1, P + T]: each continuation behind its own copy of the prefix."""
    n, g, t = continuation.tokens.shape

    def join(before, after):
        repeated = jnp.broadcast_to(before, (*after.shape[:-1], before.shape[-1]))
        return jnp.concatenate([repeated, after], -1).reshape(*after.shape[:-3], n * g, 1, -1)

    return jax.tree.map(join, prefix, continuation)


def make_loss(graphdef: nnx.GraphDef, layout: Callable) -> Callable:
    """(params, batch) -> mean over response tokens of weight * KL + log-probability."""

    def loss(params, batch):
        model = nnx.merge(graphdef, params)
        student, teacher = layout(model, batch)
        flat = [hidden.reshape(-1, hidden.shape[-1]) for hidden in (student, jax.lax.stop_gradient(teacher))]
        targets = batch.targets_ngr.reshape(-1)
        stats = token_statistics(*flat, model.head(), None, targets, chunk=targets.shape[0])
        return (batch.weights_ngr.reshape(-1) * stats.divergence + stats.logp).mean()

    return loss


def unrolled(config: Qwen3VLConfig) -> Qwen3VLConfig:
    """The same text model with every layer in the stack that is not a loop; its vision tower is never read."""
    layers = config.text.num_hidden_layers
    fields = {"depth": layers, "deepstack_visual_indexes": tuple(range(layers))}
    return dataclasses.replace(config, vision=dataclasses.replace(config.vision, **fields))


def compiler_flops(config: Qwen3VLConfig, shape: Shape, layout: Callable) -> float:
    """What XLA counts for loss and gradient; nothing is compiled or run."""
    graphdef, params = split_abstract(unrolled(config), dtype=jnp.bfloat16, remat="none", attention="reference")
    batch = jax.eval_shape(lambda: synthetic.to_device(synthetic.batch(config, shape)))
    lowered = jax.jit(jax.value_and_grad(make_loss(graphdef, layout))).lower(params, batch)
    return lowered.cost_analysis()["flops"]


def by_hand(config: Qwen3VLConfig, shape: Shape, layout: Callable) -> float:
    """What `flops` counts for the same: no images, all pairs of tokens, the head once more in the backward pass."""
    rollouts = shape.prompts * shape.branches

    def read(sequences: int, tokens: int, before: int = 0) -> float:
        return flops.text_flops(config.text, np.full(sequences, tokens), np.full(sequences, before), causal=False)

    student, teacher = shape.header + shape.response, shape.feedback + shape.response
    if layout is shared:
        prompts = read(shape.prompts, shape.prefix)
        trained, untrained = prompts + read(rollouts, student, shape.prefix), read(rollouts, teacher, shape.prefix)
    else:
        trained, untrained = read(rollouts, shape.prefix + student), read(rollouts, shape.prefix + teacher)
    # Student and teacher, both again, and the student's two gradients.
    return flops.TRAINED * trained + untrained + 6 * flops.head_flops(config.text, rollouts * shape.response)


def seconds(config: Qwen3VLConfig, shape: Shape, repeats: int) -> dict[str, float]:
    """Median wall time of loss and gradient in both layouts, taking turns.

    Raises:
      AssertionError: if the layouts' gradients differ.
    """
    graphdef, params = synthetic.random_model(config, dtype=jnp.float32, remat="none")
    batch = synthetic.to_device(synthetic.batch(config, shape))
    layouts = {"shared": shared, "separate": separate}
    steps = {name: jax.jit(jax.grad(make_loss(graphdef, layout))) for name, layout in layouts.items()}
    results = [jax.block_until_ready(step(params, batch)) for step in steps.values()]
    for one, other in zip(*map(jax.tree.leaves, results), strict=True):
        np.testing.assert_allclose(one, other, atol=2e-4 * float(jnp.abs(one).max()) + 1e-7)
    taken: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(repeats):
        for name, step in steps.items():
            started = time.perf_counter()
            jax.block_until_ready(step(params, batch))
            taken[name].append(time.perf_counter() - started)
    return {name: statistics.median(values) for name, values in taken.items()}


def run(options) -> list[Line]:
    """Counts the full size, times the small one."""
    del options
    counts = {layout.__name__: compiler_flops(COUNTED, FULL, layout) for layout in (shared, separate)}
    hand = {layout.__name__: by_hand(COUNTED, FULL, layout) for layout in (shared, separate)}
    taken = seconds(TIMED, SMALL, REPEATS)
    small = {layout.__name__: by_hand(TIMED, SMALL, layout) for layout in (shared, separate)}
    share = counts["shared"] / counts["separate"]
    note = f"8B, |x|=1200 |v|=1300 |y|=1000 G=8: {share:.3f} of the separate layout's (compiler's count)"
    lines = [Line("shared_prefix/flops", counts["shared"] / 1e12, "TFLOP", 1 / share, note)]
    share = hand["shared"] / hand["separate"]
    note = f"counted by hand: {share:.3f} of {hand['separate'] / 1e12:.0f}"
    lines.append(Line("shared_prefix/flops_by_hand", hand["shared"] / 1e12, "TFLOP", 1 / share, note))
    ratio = taken["separate"] / taken["shared"]
    expected = small["shared"] / small["separate"]
    note = f"6 layers, a fifth of the lengths: {1 / ratio:.3f} of the time; {expected:.3f} of the operations"
    lines.append(Line("shared_prefix/time", taken["shared"], "s", ratio, note))
    return lines


if __name__ == "__main__":
    from vsdpo_jax.bench.result import table

    print("\n".join(table(run(None))))
