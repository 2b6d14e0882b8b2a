"""A packed batch as one file, so that what broke a run can be studied elsewhere.

batch = load_batch("runs/chart/broken/step_000123.npz")
"""

from __future__ import annotations

import dataclasses
import io
import typing

import jax
import numpy as np
from etils import epath

from vsdpo_jax.pack import PackedBatch


def save_batch(path: epath.PathLike, batch: PackedBatch) -> epath.Path:
    """Writes every array under its dotted path (`student.tokens`), compressed; returns the path."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(batch)
    named = {jax.tree_util.keystr(keys, simple=True, separator="."): np.asarray(leaf) for keys, leaf in leaves}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **named)
    path = epath.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(buffer.getvalue())
    return path


def load_batch(path: epath.PathLike) -> PackedBatch:
    """Reads what `save_batch` wrote, as NumPy arrays."""
    with np.load(io.BytesIO(epath.Path(path).read_bytes())) as arrays:
        return _build(PackedBatch, dict(arrays), "")


def _build(kind: type, named: dict[str, np.ndarray], prefix: str):
    """A dataclass of arrays and dataclasses from the arrays whose names start with `prefix`."""
    fields = {}
    hints = typing.get_type_hints(kind)
    for field in dataclasses.fields(kind):
        name = prefix + field.name
        if dataclasses.is_dataclass(hints[field.name]):
            fields[field.name] = _build(hints[field.name], named, f"{name}.")
        else:
            fields[field.name] = named.get(name)
    return kind(**fields)
