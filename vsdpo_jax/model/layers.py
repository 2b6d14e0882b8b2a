"""Small layers that both towers are built of, and stacks of layers that `lax.scan` runs.

Parameters keep `param_dtype` (float32 masters); every layer computes in `dtype`, norms in float32.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
from flax import nnx

REMAT_POLICIES: dict[str, Callable | None] = {
    "none": None,
    "full": jax.checkpoint_policies.nothing_saveable,
    "dots": jax.checkpoint_policies.dots_saveable,
    "dots_no_batch": jax.checkpoint_policies.dots_with_no_batch_dims_saveable,
}


class Kernel(nnx.Module):
    """A linear map between groups of axes: [..., *inputs] -> [..., *outputs], with an optional bias [*outputs]."""

    def __init__(
        self, inputs: Sequence[int], outputs: Sequence[int], *, std: float, bias: bool, dtype, param_dtype, rngs
    ):
        self.inputs, self.outputs, self.dtype = tuple(inputs), tuple(outputs), dtype
        shape = (*self.inputs, *self.outputs)
        self.kernel = nnx.Param(std * jax.random.normal(rngs.params(), shape, param_dtype))
        self.bias = nnx.Param(jnp.zeros(self.outputs, param_dtype)) if bias else None

    def __call__(self, x):
        axes = len(self.inputs)
        flat = x.reshape(*x.shape[: x.ndim - axes], math.prod(self.inputs)).astype(self.dtype)
        kernel = self.kernel[...].astype(self.dtype).reshape(math.prod(self.inputs), math.prod(self.outputs))
        y = (flat @ kernel).reshape(*flat.shape[:-1], *self.outputs)
        return y if self.bias is None else y + self.bias[...].astype(self.dtype)


class RMSNorm(nnx.Module):
    """x / rms(x) * scale over the last axis, in float32."""

    def __init__(self, size: int, *, epsilon: float, param_dtype):
        self.epsilon = epsilon
        self.scale = nnx.Param(jnp.ones(size, param_dtype))

    def __call__(self, x):
        y = x.astype(jnp.float32)
        y = y * jax.lax.rsqrt(jnp.mean(y * y, axis=-1, keepdims=True) + self.epsilon)
        return (y * self.scale[...].astype(jnp.float32)).astype(x.dtype)


class LayerNorm(nnx.Module):
    """Layer norm with scale and bias over the last axis, in float32."""

    def __init__(self, size: int, *, param_dtype, epsilon: float = 1e-6):
        self.epsilon = epsilon
        self.scale = nnx.Param(jnp.ones(size, param_dtype))
        self.bias = nnx.Param(jnp.zeros(size, param_dtype))

    def __call__(self, x):
        y = x.astype(jnp.float32)
        y = y - y.mean(-1, keepdims=True)
        y = y * jax.lax.rsqrt(jnp.mean(y * y, axis=-1, keepdims=True) + self.epsilon)
        return (y * self.scale[...].astype(jnp.float32) + self.bias[...].astype(jnp.float32)).astype(x.dtype)


def stack(create: Callable[[nnx.Rngs], nnx.Module], depth: int, rngs: nnx.Rngs) -> nnx.Module:
    """`depth` layers as one module whose parameters have a leading layer axis."""

    @nnx.split_rngs(splits=depth)
    @nnx.vmap(in_axes=0, out_axes=0)
    def create_all(layer_rngs):
        return create(layer_rngs)

    return create_all(rngs)


def unstack(layers: nnx.Module) -> list[nnx.Module]:
    """The layers of a stack, one module each."""
    graphdef, params = nnx.split(layers)
    depth = jax.tree.leaves(params)[0].shape[0]
    return [nnx.merge(graphdef, jax.tree.map(lambda leaf, i=i: leaf[i], params)) for i in range(depth)]


def scan(layers: nnx.Module, x, apply: Callable, per_layer=None, *, remat: str):
    """Runs a stack: `x, y = apply(layer, x, per_layer[i])` for each layer in turn; returns (x, ys stacked)."""
    graphdef, params = nnx.split(layers)

    def body(x, scanned):
        layer_params, extra = scanned
        return apply(nnx.merge(graphdef, layer_params), x, extra)

    return jax.lax.scan(rematerialised(body, remat, inside_scan=True), x, (params, per_layer))


def rematerialised(function: Callable, remat: str, *, inside_scan: bool = False) -> Callable:
    """`function` under the remat policy called `remat` (a key of REMAT_POLICIES)."""
    if remat not in REMAT_POLICIES:
        raise ValueError(f"unknown remat policy {remat!r}; known: {', '.join(REMAT_POLICIES)}")
    if REMAT_POLICIES[remat] is None:
        return function
    return functools.partial(jax.checkpoint, policy=REMAT_POLICIES[remat], prevent_cse=not inside_scan)(function)
