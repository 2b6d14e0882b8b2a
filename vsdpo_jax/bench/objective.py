"""The fused head and divergence against the plain one, measured in one process.

    python -m vsdpo_jax.bench.objective

Plain is what one writes first: project all tokens, two log-softmaxes over the vocabulary, reverse KL and the sampled
token's log-probability, and JAX's own gradient. Both run in fp32 on the same arrays and give the same numbers, which is
checked before anything is timed; the fused one also returns both entropies and the teacher's log-probability.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from vsdpo_jax.objective.divergence import token_statistics


@dataclasses.dataclass(frozen=True)
class Size:
    """T tokens, V ids, width D."""

    name: str
    tokens: int
    vocabulary: int
    width: int


COMPILED = (
    Size("one response of 4,096", 4096, 151_936, 4096),
    Size("eight responses of 2,048", 16_384, 151_936, 4096),
)
TIMED = (Size("embedded tiny model, 48 responses", 6720, 1024, 160), Size("vocabulary of 16,384", 4096, 16_384, 256))
REPEATS = 9


def plain_loss(student_td, head_vd, teacher_td, targets_t, weights_t, mask_t):
    """Weighted reverse KL and log-probability with whole [T, V] arrays."""
    logp = jax.nn.log_softmax(student_td @ head_vd.T)
    logq = jax.lax.stop_gradient(jax.nn.log_softmax(teacher_td @ head_vd.T))
    divergence = (jnp.exp(logp) * (logp - logq)).sum(-1)
    chosen = jnp.take_along_axis(logp, targets_t[:, None], axis=1)[:, 0]
    return jnp.where(mask_t, weights_t * divergence + chosen, 0.0).mean()


def fused_loss(student_td, head_vd, teacher_td, targets_t, weights_t, mask_t):
    """The same by `token_statistics`."""
    s = token_statistics(student_td, teacher_td, head_vd, None, targets_t, mask_t=mask_t)
    return (weights_t * s.divergence + s.logp).mean()


def working_memory(loss: Callable, size: Size) -> int:
    """Bytes that the compiler plans for the loss and its gradient besides inputs and gradients. Nothing is run."""
    shapes = [
        jax.ShapeDtypeStruct(array.shape, array.dtype) for array in jax.eval_shape(lambda: _make_arrays(size, 1.0))
    ]
    memory = jax.jit(jax.grad(loss, argnums=(0, 1))).lower(*shapes).compile().memory_analysis()
    gradients = 4 * size.width * (size.tokens + size.vocabulary)
    return memory.temp_size_in_bytes + memory.output_size_in_bytes - gradients


def seconds(losses: dict[str, Callable], size: Size, valid: float) -> dict[str, float]:
    """Median wall time of loss and gradient; the candidates take turns, so that load on the machine hits all alike.

    Args:
      valid: share of the tokens that are no padding.

    Raises:
      AssertionError: if the candidates' gradients differ.
    """
    arrays = [jnp.asarray(array) for array in _make_arrays(size, valid)]
    steps = {name: jax.jit(jax.grad(loss, argnums=(0, 1))) for name, loss in losses.items()}
    results = [jax.block_until_ready(step(*arrays)) for step in steps.values()]
    for gradient in results[1:]:
        for one, other in zip(results[0], gradient, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-3 * float(jnp.abs(one).max()))
    taken: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(REPEATS):
        for name, step in steps.items():
            started = time.perf_counter()
            jax.block_until_ready(step(*arrays))
            taken[name].append(time.perf_counter() - started)
    return {name: float(np.median(values)) for name, values in taken.items()}


def _make_arrays(size: Size, valid: float) -> tuple[jax.Array, ...]:
    keys = jax.random.split(jax.random.key(0), 6)
    student = jax.random.normal(keys[0], (size.tokens, size.width))
    return (
        student,
        jax.random.normal(keys[1], (size.vocabulary, size.width)) / size.width**0.5,
        student + 0.3 * jax.random.normal(keys[2], student.shape),
        jax.random.randint(keys[3], (size.tokens,), 0, size.vocabulary),
        jax.random.uniform(keys[4], (size.tokens,)),
        jax.random.uniform(keys[5], (size.tokens,)) < valid,
    )


def run() -> list[str]:
    """Measures everything; returns the lines to print."""
    losses = {"plain": plain_loss, "fused": fused_loss}
    lines = ["Head and divergence, loss and gradient: fused against plain"]
    for size in COMPILED:
        plain, fused = (working_memory(loss, size) / 1e9 for loss in losses.values())
        lines.append(
            f"  working memory, {size.name}, V={size.vocabulary:,}, D={size.width:,}: "
            f"{fused:.2f} GB against {plain:.2f} GB ({fused / plain:.2f})"
        )
    for size in TIMED:
        for valid in (1.0, 0.6):
            taken = seconds(losses, size, valid)
            lines.append(
                f"  time, {size.name}, {valid:.0%} of {size.tokens:,} tokens valid: {1e3 * taken['fused']:.0f} ms "
                f"against {1e3 * taken['plain']:.0f} ms ({taken['fused'] / taken['plain']:.2f})"
            )
    return lines


if __name__ == "__main__":
    print("\n".join(run()))
