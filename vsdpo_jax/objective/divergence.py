"""The head and the divergence in one: hidden states in, one number per token out.

A row of logits over Qwen's vocabulary is 0.6 MB in fp32, so the logits of a batch do not fit. `token_statistics`
projects student and teacher a chunk of tokens at a time and keeps only numbers per token; the backward pass projects
the chunk again and writes the analytic gradient. No [T, V] array is larger than a chunk in either direction.

What the divergences are, and their gradients, is in `formulas.py`; this file is about memory and placement.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import PartitionSpec

from vsdpo_jax.objective.formulas import FORMULAS, kth_largest

DIVERGENCES = tuple(FORMULAS)

# Bytes of the block of the head's gradient that a chunk adds at a time, on each device.
LARGEST_PRODUCT = 384 << 20


@functools.partial(
    jax.tree_util.register_dataclass,
    data_fields=["divergence", "logp", "teacher_logp", "entropy", "teacher_entropy"],
    meta_fields=[],
)
@dataclasses.dataclass(frozen=True)
class TokenStatistics:
    """Numbers per token, each float32[T], in nats; 0 where the mask is off.

    Attributes:
      divergence: of the student from the teacher. None without a teacher, as are the other teacher fields.
      logp: log-probability of the target under the student.
      teacher_logp: the same under the teacher. No gradient.
      entropy: of the student.
      teacher_entropy: of the teacher. No gradient.
    """

    divergence: jax.Array | None
    logp: jax.Array
    teacher_logp: jax.Array | None
    entropy: jax.Array
    teacher_entropy: jax.Array | None


def token_statistics(
    student_td: jax.Array,
    teacher_td: jax.Array | None,
    student_head_vd: jax.Array,
    teacher_head_vd: jax.Array | None,
    targets_t: jax.Array,
    *,
    mask_t: jax.Array | None = None,
    temperature: float = 1.0,
    divergence: str = "reverse_kl",
    top_k: int = 100,
    mixture: float = 0.5,
    chunk: int = 512,
    mesh: jax.sharding.Mesh | jax.sharding.AbstractMesh | None = None,
    token_axes: tuple[str, ...] = ("data", "fsdp"),
    vocabulary_axis: str = "tensor",
) -> TokenStatistics:
    """Divergence, log-probability and entropy at every token, without ever holding [T, V].

    Gradients flow to `student_td` and `student_head_vd` from `divergence`, `logp` and `entropy`. The teacher's
    arrays are constants: their gradient is exactly zero.

    Matrix products take the dtype of the hidden states and accumulate in fp32; everything after them is fp32.
    Equal inputs for student and teacher give a divergence of exactly 0.

    Args:
      student_td: [T, D] hidden states that predict `targets_t`, after the final norm.
      teacher_td: [T, D'] the teacher's hidden states for the same targets. None: no teacher is projected.
      student_head_vd: [V, D] output projection.
      teacher_head_vd: [V, D'] the teacher's. None: the student's.
      targets_t: int[T] the sampled ids.
      mask_t: bool[T]. Tokens that are off get zeros and no gradient, and whole chunks of them cost nothing: the
        tokens that are on are moved to the front first.
      temperature: divides both sides' logits; use the sampler's.
      divergence: `reverse_kl` KL(p || q); `forward_kl` KL(q || p); `jsd`, (1-a) KL(p || m) + a KL(q || m) with
        m = (1-a) p + a q and a = `mixture`; `topk`, the reverse KL of the student's `top_k` likeliest ids and one
        cell for all others (without that cell the gradient is biased).
      top_k: cells of `topk`; ids that tie with the last are kept too.
      chunk: tokens that are projected at once, on each shard of the tokens.
      mesh: its `token_axes` shard the tokens and its `vocabulary_axis` the vocabulary. None: the mesh of
        `jax.set_mesh`, if there is one. Axes that the mesh lacks count as 1.

    Raises:
      ValueError: for an unknown divergence or a setting out of range, or if the mesh does not divide T.
    """
    if divergence not in DIVERGENCES:
        raise ValueError(f"divergence is {divergence!r}; it must be one of {', '.join(DIVERGENCES)}")
    if not 0.0 < mixture < 1.0:
        raise ValueError(f"mixture is {mixture}; it must lie between 0 and 1 (those ends are the two KLs)")
    if not temperature > 0.0:
        raise ValueError(f"temperature is {temperature}; it must be positive (0 has no distribution to compare)")
    vocabulary = student_head_vd.shape[0]
    if divergence == "topk" and not 0 < top_k < vocabulary:
        raise ValueError(f"top_k is {top_k}; it must lie between 1 and {vocabulary - 1}")
    if chunk < 1:
        raise ValueError(f"chunk is {chunk}; it must be at least 1")

    placement = _placement(mesh, token_axes, vocabulary_axis)
    if targets_t.shape[0] % placement.shards:
        raise ValueError(
            f"{targets_t.shape[0]} tokens do not divide over {placement.shards} shards of the mesh axes {token_axes}"
        )
    settings = _Settings(float(temperature), divergence, int(top_k), float(mixture), int(chunk), placement)
    if teacher_td is not None:
        teacher_td = jax.lax.stop_gradient(teacher_td)
        teacher_head_vd = jax.lax.stop_gradient(student_head_vd if teacher_head_vd is None else teacher_head_vd)
    return _statistics(settings, student_td, student_head_vd, teacher_td, teacher_head_vd, targets_t, mask_t)


class _Placement(NamedTuple):
    """Where tokens and vocabulary live. `mesh` None: on one device."""

    mesh: jax.sharding.Mesh | jax.sharding.AbstractMesh | None
    shards: int
    tokens: tuple[str, ...]
    vocabulary: str | None

    def constrain(self, array: jax.Array, *axes: str | tuple[str, ...] | None) -> jax.Array:
        if self.mesh is None:
            return array
        return jax.lax.with_sharding_constraint(array, jax.sharding.NamedSharding(self.mesh, PartitionSpec(*axes)))


def _placement(mesh, token_axes, vocabulary_axis) -> _Placement:
    if mesh is None:
        mesh = jax.sharding.get_abstract_mesh()
    if mesh.empty:
        return _Placement(None, 1, (), None)
    tokens = tuple(axis for axis in token_axes if axis in mesh.shape)
    return _Placement(
        mesh=mesh,
        shards=math.prod(mesh.shape[axis] for axis in tokens),
        tokens=tokens,
        vocabulary=vocabulary_axis if vocabulary_axis in mesh.shape else None,
    )


class _Settings(NamedTuple):
    temperature: float
    divergence: str
    top_k: int
    mixture: float
    chunk: int
    placement: _Placement


class _Saved(NamedTuple):
    """What the backward pass needs per token besides the inputs, each [n, B] (see `_Chunks`)."""

    lse: jax.Array
    teacher_lse: jax.Array
    centre: jax.Array
    threshold: jax.Array
    entropy: jax.Array


class _Chunks:
    """Cuts [T, ...] into [n, B, ...]: n chunks of B tokens, the same number from each of S token shards.

    Each chunk has tokens of every shard, so that all devices work on all chunks; a plain reshape would give whole
    chunks to one device. With a mask, the tokens that are on come first in each shard and `count`, the number of
    chunks to compute, depends on the data.
    """

    def __init__(self, tokens: int, mask_t: jax.Array | None, settings: _Settings):
        self.placement = settings.placement
        self.shards = settings.placement.shards
        self.length = tokens // self.shards
        self.n = max(1, math.ceil(self.length / settings.chunk))
        # Equal chunks, so that the last one is not mostly padding; 8 rows are the smallest tile worth a matrix unit.
        self.size = min(settings.chunk, 8 * math.ceil(self.length / (8 * self.n)))
        self.padding = self.n * self.size - self.length
        self.mask_t = mask_t
        self.order = self.inverse = None
        self.count = self.n
        if mask_t is not None:
            mask_sl = mask_t.reshape(self.shards, self.length)
            self.order, self.inverse = _on_first(mask_sl)
            self.count = (mask_sl.sum(axis=1).max() + self.size - 1) // self.size

    def split(self, array: jax.Array) -> jax.Array:
        if self.mask_t is not None:
            # A chunk may hold padding too, and 0 * NaN is NaN: nothing that stands there may reach a sum.
            array = jnp.where(self.mask_t.reshape(-1, *(1,) * (array.ndim - 1)), array, 0)
        array = self._permute(array.reshape(self.shards, self.length, *array.shape[1:]), self.order)
        array = jnp.pad(array, [(0, 0), (0, self.padding)] + [(0, 0)] * (array.ndim - 2))
        array = array.reshape(self.shards, self.n, self.size, *array.shape[2:])
        array = jnp.moveaxis(array, 1, 0).reshape(self.n, self.shards * self.size, *array.shape[3:])
        return self.placement.constrain(array, None, self.placement.tokens)

    def join(self, array: jax.Array) -> jax.Array:
        array = array.reshape(self.n, self.shards, self.size, *array.shape[2:])
        array = jnp.moveaxis(array, 0, 1).reshape(self.shards, self.n * self.size, *array.shape[3:])
        array = self._permute(array[:, : self.length], self.inverse)
        return array.reshape(self.shards * self.length, *array.shape[2:])

    @staticmethod
    def _permute(array: jax.Array, order: jax.Array | None) -> jax.Array:
        if order is None:
            return array
        return jnp.take_along_axis(array, order.reshape(order.shape + (1,) * (array.ndim - 2)), axis=1)


def _on_first(mask_sl: jax.Array) -> tuple[jax.Array, jax.Array]:
    """(order, inverse) int32[S, L] of the stable permutation that brings the true ones to the front.

    Counted, not sorted: TPU compilers take seconds over a sort.
    """
    on = jnp.cumsum(mask_sl, axis=1, dtype=jnp.int32)
    off = on[:, -1:] + jnp.cumsum(~mask_sl, axis=1, dtype=jnp.int32)
    inverse = jnp.where(mask_sl, on, off) - 1
    shards = jnp.arange(mask_sl.shape[0])[:, None]
    places = jnp.broadcast_to(jnp.arange(mask_sl.shape[1], dtype=jnp.int32), mask_sl.shape)
    return jnp.zeros_like(inverse).at[shards, inverse].set(places, unique_indices=True), inverse


def _project(hidden_bd: jax.Array, head_vd: jax.Array, settings: _Settings) -> jax.Array:
    """Logits over the temperature, fp32[B, V], the vocabulary sharded."""
    logits = jnp.einsum("bd,vd->bv", hidden_bd, head_vd, preferred_element_type=jnp.float32)
    logits = settings.placement.constrain(logits, settings.placement.tokens, settings.placement.vocabulary)
    return logits / settings.temperature if settings.temperature != 1.0 else logits


def _of_target(array_bv: jax.Array, targets_b: jax.Array) -> jax.Array:
    return jnp.take_along_axis(array_bv, targets_b[:, None], axis=1)[:, 0]


def _add_outer(total_svd, slope_scv, hidden_scd, placement: _Placement) -> jax.Array:
    """total += slope^T hidden, by columns: a chunk's product is as large as the head, and one such array is enough."""
    width = total_svd.shape[-1]
    shards = 1 if placement.vocabulary is None else placement.mesh.shape[placement.vocabulary]
    smallest = math.ceil(4 * total_svd.shape[1] * width / shards / LARGEST_PRODUCT)
    blocks = next(count for count in range(min(smallest, width), width + 1) if width % count == 0)

    def add_block(j, total):
        columns = jax.lax.dynamic_slice_in_dim(hidden_scd, j * (width // blocks), width // blocks, axis=2)
        product = jnp.einsum("scv,scd->svd", slope_scv, columns, preferred_element_type=jnp.float32)
        before = jax.lax.dynamic_slice_in_dim(total, j * (width // blocks), width // blocks, axis=2)
        return jax.lax.dynamic_update_slice_in_dim(total, before + product, j * (width // blocks), axis=2)

    return jax.lax.fori_loop(0, blocks, add_block, total_svd)


def _forward(settings, student_td, student_head, teacher_td, teacher_head, targets_t, mask_t):
    placement = settings.placement
    chunks = _Chunks(targets_t.shape[0], mask_t, settings)
    student, targets = chunks.split(student_td), chunks.split(targets_t.astype(jnp.int32))
    teacher = None if teacher_td is None else chunks.split(teacher_td)
    head = placement.constrain(student_head.astype(student_td.dtype), placement.vocabulary, None)
    if teacher_td is not None:
        teacher_head = placement.constrain(teacher_head.astype(teacher_td.dtype), placement.vocabulary, None)

    def body(i, outputs):
        logits = _project(student[i], head, settings)
        lse = jax.nn.logsumexp(logits, axis=-1)
        logp = logits - lse[:, None]
        zero = jnp.zeros_like(lse)
        values = {
            "divergence": zero,
            "logp": _of_target(logp, targets[i]),
            "teacher_logp": zero,
            "entropy": -(jnp.exp(logp) * logp).sum(-1),
            "teacher_entropy": zero,
        }
        saved = {"lse": lse, "teacher_lse": zero, "centre": zero, "threshold": zero}
        if teacher is not None:
            teacher_logits = _project(teacher[i], teacher_head, settings)
            teacher_lse = jax.nn.logsumexp(teacher_logits, axis=-1)
            logq = teacher_logits - teacher_lse[:, None]
            if settings.divergence == "topk":
                saved["threshold"] = kth_largest(logits, settings.top_k)
            score, value = FORMULAS[settings.divergence](
                logp, logq, settings.mixture, logits >= saved["threshold"][:, None]
            )
            saved.update(teacher_lse=teacher_lse, centre=score.sum(-1))
            values.update(
                divergence=value(),
                teacher_logp=_of_target(logq, targets[i]),
                teacher_entropy=-(jnp.exp(logq) * logq).sum(-1),
            )
        new = {**values, **saved}
        return {name: outputs[name].at[i].set(new[name]) for name in outputs}

    names = (
        "divergence",
        "logp",
        "teacher_logp",
        "entropy",
        "teacher_entropy",
        "lse",
        "teacher_lse",
        "centre",
        "threshold",
    )
    empty = placement.constrain(jnp.zeros((chunks.n, chunks.shards * chunks.size)), None, placement.tokens)
    outputs = jax.lax.fori_loop(0, chunks.count, body, dict.fromkeys(names, empty))
    saved = _Saved(**{name: outputs[name] for name in _Saved._fields})

    def per_token(name):
        if teacher is None and name in ("divergence", "teacher_logp", "teacher_entropy"):
            return None
        values = chunks.join(outputs[name])
        return values if mask_t is None else jnp.where(mask_t, values, 0.0)

    fields = [field.name for field in dataclasses.fields(TokenStatistics)]
    return TokenStatistics(**{name: per_token(name) for name in fields}), saved


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _statistics(settings, student_td, student_head, teacher_td, teacher_head, targets_t, mask_t):
    return _forward(settings, student_td, student_head, teacher_td, teacher_head, targets_t, mask_t)[0]


def _statistics_forward(settings, *inputs):
    statistics, saved = _forward(settings, *inputs)
    return statistics, (inputs, saved)


def _statistics_backward(settings, residuals, cotangents):
    (student_td, student_head, teacher_td, teacher_head, targets_t, mask_t), saved = residuals
    placement = settings.placement
    chunks = _Chunks(targets_t.shape[0], mask_t, settings)
    student, targets = chunks.split(student_td), chunks.split(targets_t.astype(jnp.int32))
    teacher = None if teacher_td is None else chunks.split(teacher_td)
    head = placement.constrain(student_head.astype(student_td.dtype), placement.vocabulary, None)
    if teacher is not None:
        cast_teacher_head = placement.constrain(teacher_head.astype(teacher_td.dtype), placement.vocabulary, None)

    of_logp = chunks.split(cotangents.logp / settings.temperature)
    of_entropy = chunks.split(cotangents.entropy / settings.temperature)
    of_divergence = None if teacher is None else chunks.split(cotangents.divergence / settings.temperature)

    def body(i, gradients):
        hidden_gradient, head_gradient = gradients
        logits = _project(student[i], head, settings)
        logp = logits - saved.lse[i][:, None]
        p = jnp.exp(logp)
        is_target = jnp.arange(p.shape[-1]) == targets[i][:, None]
        slope = jnp.where(is_target, of_logp[i][:, None], 0.0)
        slope -= p * (of_logp[i][:, None] + of_entropy[i][:, None] * (logp + saved.entropy[i][:, None]))
        if teacher is not None:
            logq = _project(teacher[i], cast_teacher_head, settings) - saved.teacher_lse[i][:, None]
            score, _ = FORMULAS[settings.divergence](
                logp, logq, settings.mixture, logits >= saved.threshold[i][:, None]
            )
            slope += of_divergence[i][:, None] * (score - p * saved.centre[i][:, None])
        slope = slope.astype(student_td.dtype)
        hidden_gradient = hidden_gradient.at[i].set(
            jnp.einsum("bv,vd->bd", slope, head, preferred_element_type=jnp.float32).astype(student_td.dtype)
        )
        # One sum per token shard: added over the shards once, after the loop, not once a chunk.
        slope, hidden = (a.reshape(chunks.shards, chunks.size, -1) for a in (slope, student[i]))
        head_gradient = _add_outer(head_gradient, slope, hidden, placement)
        return hidden_gradient, placement.constrain(head_gradient, placement.tokens, placement.vocabulary, None)

    head_gradient = jnp.zeros((chunks.shards, *student_head.shape), jnp.float32)
    head_gradient = placement.constrain(head_gradient, placement.tokens, placement.vocabulary, None)
    hidden_gradient, head_gradient = jax.lax.fori_loop(0, chunks.count, body, (jnp.zeros_like(student), head_gradient))
    return (
        chunks.join(hidden_gradient),
        head_gradient.sum(0).astype(student_head.dtype),
        None if teacher_td is None else jnp.zeros_like(teacher_td),
        None if teacher_head is None else jnp.zeros_like(teacher_head),
        None,
        None,
    )


_statistics.defvjp(_statistics_forward, _statistics_backward)
