"""The sampler's copy of the weights: in the compute type, laid out for decoding."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import AxisType, Mesh

from vsdpo_jax.sharding import AXES, path_of, refuse_to_span_hosts, shardings

# Matrices that the model casts before it multiplies; norms, biases and positions are used in float32.
_CAST = re.compile(r"kernel$|text/embedding$|lm_head$")


def sampler_mesh(mesh: Mesh, tensor: int) -> Mesh:
    """The devices of a training mesh with `tensor` of them to a copy of the weights; rows over the others.

    Raises:
      ValueError: `tensor` does not divide their number, or would span hosts.
    """
    if tensor < 1 or mesh.size % tensor:
        raise ValueError(f"{mesh.size} devices are no multiple of {tensor}")
    refuse_to_span_hosts(mesh.devices.flatten(), tensor)
    # In the order of the training mesh: one program, the reshard, spans both.
    return Mesh(mesh.devices.reshape(-1, 1, tensor), AXES, axis_types=(AxisType.Auto,) * len(AXES))


def make_reshard(mesh: Mesh, params: Any, dtype) -> Callable[[Any], Any]:
    """A jitted function from the trainer's parameters to the sampler's, on `mesh`.

    Args:
      mesh: of `sampler_mesh`.
      params: the trainer's, or their shapes.
      dtype: compute type of the model.
    """

    def cast(path, leaf):
        return leaf.astype(dtype) if _CAST.search(path_of(path)) else leaf

    @jax.named_scope("reshard")
    def reshard(params):
        return jax.tree_util.tree_map_with_path(cast, params)

    return jax.jit(reshard, out_shardings=shardings(mesh, params))


def sampler_shapes(mesh: Mesh, params: Any, dtype) -> Any:
    """What `make_reshard` gives, as placed shapes."""

    def shape(path, leaf, sharding):
        kind = jnp.dtype(dtype) if _CAST.search(path_of(path)) else leaf.dtype
        return jax.ShapeDtypeStruct(leaf.shape, kind, sharding=sharding)

    return jax.tree_util.tree_map_with_path(shape, params, shardings(mesh, params))
