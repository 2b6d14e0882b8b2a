"""Where every array lives on a mesh with the axes `data`, `fsdp` and `tensor`.

One ordered table of (regular expression, axes) decides for parameters and for whatever mirrors them (optimizer
state, averages). The first expression found in an array's `/`-separated path applies. An axis whose size does not
divide a dimension leaves that dimension whole.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import AbstractMesh, AxisType, Mesh, NamedSharding, PartitionSpec

from vsdpo_jax.errors import UserError
from vsdpo_jax.model.config import Qwen3VLConfig

AXES = ("data", "fsdp", "tensor")
# Rows of a batch are split over both: `fsdp` also splits parameters, `data` copies them.
BATCH = ("data", "fsdp")

Axes = tuple[str | tuple[str, ...] | None, ...]

# Heads, MLP columns and the vocabulary are split over `tensor`, the other large dimension over `fsdp`.
PARAMETER_RULES: tuple[tuple[str, Axes], ...] = (
    (r"text/(deepstack_)?layers/[qkv]_proj/kernel$", (None, "fsdp", "tensor", None)),
    (r"text/(deepstack_)?layers/o_proj/kernel$", (None, "tensor", None, "fsdp")),
    (r"text/(deepstack_)?layers/(gate|up)_proj/kernel$", (None, "fsdp", "tensor")),
    (r"text/(deepstack_)?layers/down_proj/kernel$", (None, "tensor", "fsdp")),
    (r"(text/embedding|lm_head)$", ("tensor", "fsdp")),
    (r"vision/segment_\d+/qkv/kernel$", (None, "fsdp", None, "tensor", None)),
    (r"vision/segment_\d+/qkv/bias$", (None, None, "tensor", None)),
    (r"vision/segment_\d+/proj/kernel$", (None, "tensor", None, "fsdp")),
    (r"vision/segment_\d+/fc1/kernel$", (None, "fsdp", "tensor")),
    (r"vision/segment_\d+/fc1/bias$", (None, "tensor")),
    (r"vision/segment_\d+/fc2/kernel$", (None, "tensor", "fsdp")),
    (r"vision/(deepstack_)?merger(_\d+)?/fc1/kernel$", ("fsdp", "tensor")),
    (r"vision/(deepstack_)?merger(_\d+)?/fc1/bias$", ("tensor",)),
    (r"vision/(deepstack_)?merger(_\d+)?/fc2/kernel$", ("tensor", "fsdp")),
    (r"vision/patch_embed/kernel$", ("fsdp", None)),
    (r"vision/position_embedding$", (None, "fsdp")),
    (r"", ()),
)
BATCH_RULES: tuple[tuple[str, Axes], ...] = (
    (r"positions$", (None, BATCH)),
    (r"", (BATCH,)),
)


def make_mesh(data: int = 1, fsdp: int = -1, tensor: int = 1, *, devices: Sequence[Any] | None = None) -> Mesh:
    """A mesh over all devices; one size may be -1, for what the others leave.

    Devices of a host are neighbours in it, so that a host's rows are consecutive and `tensor` stays within a host.

    Raises:
      ValueError: the sizes do not multiply to the number of devices, or `tensor` would span hosts.
    """
    devices = sorted(
        jax.devices() if devices is None else devices, key=lambda device: (device.process_index, device.id)
    )
    sizes = [data, fsdp, tensor]
    if -1 in sizes:
        known = -data * fsdp * tensor
        if sizes.count(-1) > 1 or known < 1 or len(devices) % known:
            raise ValueError(f"a mesh of {sizes} does not fit {len(devices)} devices")
        sizes[sizes.index(-1)] = len(devices) // known
    if min(sizes) < 1 or sizes[0] * sizes[1] * sizes[2] != len(devices):
        raise ValueError(f"a mesh of data={data}, fsdp={fsdp}, tensor={tensor} does not fit {len(devices)} devices")
    refuse_to_span_hosts(devices, sizes[2])
    return Mesh(np.array(devices).reshape(sizes), AXES, axis_types=(AxisType.Auto,) * len(AXES))


def refuse_to_span_hosts(devices: Sequence[Any], together: int) -> None:
    """Raises ValueError if so many neighbours among the devices would not all be of one host, of several."""
    of_host = sum(device.process_index == devices[0].process_index for device in devices)
    if of_host < len(devices) and of_host % together:
        raise ValueError(f"the {of_host} devices of a host are no multiple of tensor={together}")


def path_of(key_path: tuple[Any, ...]) -> str:
    """`/`-separated names of a pytree path."""
    names = [str(getattr(key, "key", getattr(key, "name", getattr(key, "idx", key)))) for key in key_path]
    return "/".join(name for name in names if name != "value")


def spec(
    path: str, shape: tuple[int, ...], mesh: Mesh | AbstractMesh, rules: Sequence[tuple[str, Axes]] = PARAMETER_RULES
) -> PartitionSpec:
    """The axes of one array; replicated if it has another rank than the rule that applies to its path."""
    axes = next(axes for pattern, axes in rules if re.search(pattern, path))
    return fit(axes, shape, mesh) if len(axes) <= len(shape) else PartitionSpec()


def fit(axes: Axes, shape: tuple[int, ...], mesh: Mesh | AbstractMesh) -> PartitionSpec:
    """`axes` without those that do not divide their dimension."""
    kept = []
    for size, names in zip(shape, axes, strict=False):
        fitting = []
        for name in (names,) if isinstance(names, str) else names or ():
            if size % mesh.shape[name] == 0:
                size //= mesh.shape[name]
                fitting.append(name)
        kept.append(tuple(fitting) if len(fitting) > 1 else fitting[0] if fitting else None)
    return PartitionSpec(*kept)


def shardings(mesh: Mesh, tree: Any, rules: Sequence[tuple[str, Axes]] = PARAMETER_RULES) -> Any:
    """The tree with a NamedSharding in the place of every array (or shape struct)."""
    return jax.tree_util.tree_map_with_path(
        lambda path, leaf: NamedSharding(mesh, spec(path_of(path), leaf.shape, mesh, rules)), tree
    )


def batch_shardings(mesh: Mesh, batch: Any) -> Any:
    """As `shardings`, for model inputs: rows over `data` and `fsdp`."""
    return shardings(mesh, batch, BATCH_RULES)


def put_rows(batch: Any) -> Any:
    """Host arrays to the devices of the mesh in use, their rows split over the batch axes.

    With several hosts each gives its own rows, and the global arrays hold those of all in the order of the hosts.

    Raises:
      UserError: the rows of all hosts do not divide over the devices, so that no host could keep to its own.
    """
    mesh = jax.sharding.get_mesh()
    if jax.process_count() == 1:
        return jax.device_put(batch, batch_shardings(mesh, batch))
    return jax.tree_util.tree_map_with_path(lambda path, leaf: _put_own(path_of(path), leaf, mesh), batch)


def _put_own(path: str, leaf: np.ndarray, mesh: Mesh) -> jax.Array:
    axis, shape = int(path.endswith("positions")), list(leaf.shape)
    size, shape[axis] = shape[axis], shape[axis] * jax.process_count()
    sharding = NamedSharding(mesh, spec(path, tuple(shape), mesh, BATCH_RULES))
    first = size * jax.process_index()
    for index in sharding.addressable_devices_indices_map(tuple(shape)).values():
        start, stop, _ = index[axis].indices(shape[axis])
        if start < first or stop > first + size:
            raise UserError(
                f"{shape[axis]} prompts at a time do not divide over the {mesh.shape['data']} x {mesh.shape['fsdp']} "
                "rows of devices of several hosts: change config.batch.prompts, config.eval.prompts, "
                "config.sampling.chunks or config.mesh"
            )
    return jax.make_array_from_process_local_data(sharding, leaf, tuple(shape))


def local_rows(array: jax.Array) -> np.ndarray:
    """This host's rows of an array whose first dimension alone is split, in their order: the inverse of `put_rows`."""
    if array.is_fully_addressable:
        return np.asarray(array)
    parts = {shard.index[0].indices(array.shape[0])[0]: shard.data for shard in array.addressable_shards}
    return np.concatenate([np.asarray(parts[start]) for start in sorted(parts)])


def rows_sharding(mesh: Mesh, rows: int) -> NamedSharding:
    """Of arrays with so many rows, whatever follows."""
    return NamedSharding(mesh, fit((BATCH,), (rows,), mesh))


def row_shards(mesh: Mesh, rows: int = 0) -> int:
    """Into how many parts so many rows are split; 0: the most that the mesh has."""
    if not rows:
        return math.prod(mesh.shape[axis] for axis in BATCH)
    return rows // rows_sharding(mesh, rows).shard_shape((rows,))[0]


def parameter_shardings(mesh: Mesh, config: Qwen3VLConfig) -> Mapping[str, NamedSharding]:
    """Path -> sharding of every parameter, as `model.weights.load` takes it."""
    # The model constrains its activations with this module.
    from vsdpo_jax.model.weight_table import table

    entries = table(config)
    shapes = {entry.path: (len(entry.keys), *entry.shape) if entry.stacked else entry.shape for entry in entries}
    return {path: NamedSharding(mesh, spec(path, shape, mesh)) for path, shape in shapes.items()}


def constrain(x: jax.Array, axes: Axes) -> jax.Array:
    """Asks the partitioner to lay `x` out over these axes of the mesh in use; without a mesh, nothing."""
    mesh = jax.sharding.get_abstract_mesh()
    if mesh.empty or not set(AXES) <= set(mesh.axis_names):
        return x
    return jax.lax.with_sharding_constraint(x, fit(axes, x.shape, mesh))


def constrain_rows(x: jax.Array) -> jax.Array:
    """Splits the first dimension over the batch axes.

    Without it the partitioner may keep activations whole and split their width, as the parameters are.
    """
    return constrain(x, (BATCH,))
