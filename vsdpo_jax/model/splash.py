"""Attention by the Pallas splash kernel for TPUs, with the meaning of `attention.reference_attention`.

The G branches of a prompt are laid end to end, `[prefix | branch 0 | branch 1 | …]`, under a static mask that keeps
branches apart. Blocks that the mask leaves empty are never visited, so branches cost what they would cost alone, and
the keys of the prefix are read in place instead of being copied G times. A branch is padded to whole lanes, not to
whole blocks: a block may hold the end of one and the start of the next. Padding is masked by segment ids.
"""

from __future__ import annotations

import functools
from concurrent.futures import ThreadPoolExecutor

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental.pallas.ops.tpu.splash_attention import splash_attention_kernel as kernels
from jax.experimental.pallas.ops.tpu.splash_attention import splash_attention_mask as masks
from jax.sharding import PartitionSpec

from vsdpo_jax.sharding import AXES, BATCH, fit

LANES = 128
LARGEST_BLOCK = 512
PLACE_BITS = 14  # Branches of up to 16,384 tokens, which may start anywhere below 131,072.


class BranchMask(masks.Mask):
    """Queries of sequences of `length`, end to end, against a prefix and those sequences, bool[rows, columns].

    The kernel computes it from `q_sequence` by `mask_function`. Stored as blocks it would be megabytes of constants for
    every call of the kernel in a program, because branches are not aligned to blocks.
    """

    def __init__(self, rows: int, columns: int, length: int, prefix: int, causal: bool):
        if length > 1 << PLACE_BITS or rows > 1 << (31 - PLACE_BITS):
            raise ValueError(f"{rows} queries in branches of {length} are more than the kernel's mask can tell apart")
        self._key = (rows, columns, length, prefix, causal)
        row = np.arange(rows, dtype=np.int32)
        place = row % length
        # Where the row's branch starts and what it sees of it, in one number: the kernel has no cheap division.
        self.q_sequence = (row - place) << PLACE_BITS | (place if causal else length - 1)

    @property
    def shape(self) -> tuple[int, int]:
        return self._key[:2]

    def mask_function(self, rows, columns):
        """rows: elements of `q_sequence`, columns: indices of keys; of any shapes that broadcast."""
        own = columns - self._key[3]
        start = rows >> PLACE_BITS
        return (own < 0) | ((own >= start) & (own - start <= rows & (2**PLACE_BITS - 1)))

    def __getitem__(self, index) -> np.ndarray:
        rows, columns = index
        return self.mask_function(self.q_sequence[rows][:, None], np.arange(self.shape[1])[columns][None])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, BranchMask) and self._key == other._key

    def __hash__(self) -> int:
        return hash((type(self), self._key))


def splash_attention(query, key, value, valid, *, causal: bool, prefix=None, interpret: bool = False):
    """As `attention.attention`; on a mesh, every device runs the kernel on its own rows and heads.

    Args:
      interpret: run the kernel's Python on any device, for tests.
    """
    run = functools.partial(_attend, causal=causal, interpret=interpret)
    arguments = (query, key, value, valid, prefix)
    mesh = jax.sharding.get_abstract_mesh()
    if mesh.empty or not set(AXES) <= set(mesh.axis_names):
        return run(*arguments)
    heads = "tensor" if key.shape[3] % mesh.shape["tensor"] == 0 else None
    specs = jax.tree.map(lambda x: _spec(x, heads, mesh), arguments)
    return jax.shard_map(run, in_specs=specs, out_specs=specs[0], check_vma=False)(*arguments)


def _spec(x, heads, mesh) -> PartitionSpec:
    axes = (BATCH, None, None, heads, None) if x.ndim == 5 else (BATCH,)
    return fit(axes, x.shape, mesh)


def _attend(query, key, value, valid, prefix, *, causal: bool, interpret: bool):
    n, g, t, h, a = query.shape
    if g > 1 and (prefix is None or prefix[0].shape[1] == g):
        # Nothing is shared: every branch is a row of its own.
        rows = jax.tree.map(lambda x: x.reshape(n * g, 1, *x.shape[2:]), (query, key, value, valid, prefix))
        return _attend(*rows, causal=causal, interpret=interpret).reshape(n, g, t, h, a)
    length, columns = _round_up(t, LANES), _round_up(a, LANES)
    scaled = (query.astype(jnp.float32) * a**-0.5).astype(query.dtype)
    queries = _lay_out(scaled, length, columns)
    keys, values = _lay_out(key, length, columns), _lay_out(value, length, columns)
    seen = jnp.pad(valid, ((0, 0), (0, 0), (0, length - t))).reshape(n, g * length)
    before = 0
    if prefix is not None:
        before = _round_up(prefix[2].shape[-1], LANES)
        keys = jnp.concatenate([_lay_out(prefix[0], before, columns), keys], axis=2)
        values = jnp.concatenate([_lay_out(prefix[1], before, columns), values], axis=2)
        prefix_seen = jnp.pad(prefix[2][:, 0], ((0, 0), (0, before - prefix[2].shape[-1])))
        seen = jnp.concatenate([prefix_seen, seen], axis=1)
    blocks = tuple(min(LARGEST_BLOCK, size) for size in (g * length, before + g * length))
    queries = _pad_to(queries, blocks[0], axis=2)
    keys, values, seen = _pad_to(keys, blocks[1], axis=2), _pad_to(values, blocks[1], axis=2), _pad_to(seen, blocks[1])
    rows = queries.shape[2]
    kernel = _kernel(rows, seen.shape[1], length, before, causal, h, blocks, interpret)
    segments = kernels.SegmentIds(q=jnp.ones((n, rows), jnp.int32), kv=seen.astype(jnp.int32))
    out = jax.vmap(kernel)(queries, keys, values, segments)[:, :, : g * length]
    return out.reshape(n, h, g, length, columns)[:, :, :, :t, :a].transpose(0, 2, 3, 1, 4).astype(value.dtype)


def _lay_out(x, length: int, columns: int):
    """[N, G, T, heads, A] -> [N, heads, G * length, columns], padded with zeros."""
    n, g, t, heads, a = x.shape
    x = jnp.pad(x, ((0, 0), (0, 0), (0, length - t), (0, 0), (0, columns - a)))
    return x.transpose(0, 3, 1, 2, 4).reshape(n, heads, g * length, columns)


def _pad_to(x, multiple: int, axis: int = 1):
    """Zeros at the end of an axis, up to a multiple."""
    missing = _round_up(x.shape[axis], multiple) - x.shape[axis]
    return jnp.pad(x, [(0, missing if i == axis else 0) for i in range(x.ndim)])


def _round_up(size: int, multiple: int) -> int:
    return -(-size // multiple) * multiple


@functools.lru_cache(maxsize=64)
def _kernel(rows: int, columns: int, length: int, prefix: int, causal: bool, heads: int, blocks, interpret: bool):
    mask = masks.MultiHeadMask([BranchMask(rows, columns, length, prefix, causal)] * heads)
    block_q, block_kv = blocks
    sizes = kernels.BlockSizes(
        block_q=block_q,
        block_kv=block_kv,
        block_q_dkv=block_q,
        block_kv_dkv=block_kv,
        block_q_dq=block_q,
        block_kv_dq=block_kv,
    )

    def make():
        made = kernels.make_splash_mha(mask, block_sizes=sizes, head_shards=1, q_seq_shards=1, interpret=interpret)
        return jax.tree.map(np.asarray, made)

    # The kernel holds its block lists as arrays, which must belong neither to the trace that asked first nor to the
    # devices of its mesh (they may be described only, to compile for): another thread knows of neither.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(make).result()
