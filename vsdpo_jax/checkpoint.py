"""Saving and restoring a run: asynchronous, atomic, newest readable checkpoint first (Orbax v1).

A workdir holds `config.json` (the run's config, written once) and `checkpoints/STEP/` (arrays of the
`TrainState` by path, and as metadata the position in the data and a checksum of every array).
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
from absl import logging
from etils import epath
from orbax.checkpoint import v1 as ocp

from vsdpo_jax import hosts, storage
from vsdpo_jax.errors import UserError

CHECKSUMS = "checksums"

# Fields that may differ between a run and its continuation: they change how long and how it is watched, not what it is.
RESUMABLE = ("steps", "eval", "render", "checkpoint", "record", "mesh", "profile", "compilation_cache")


class WorkdirError(UserError):
    """The workdir cannot be used; the message says why and what to do, in one line."""


def flatten(tree: Any) -> dict[str, jax.Array]:
    """Leaves by dotted path, for instance `params.text.layers.query.kernel`."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(tree)
    return {jax.tree_util.keystr(path, simple=True, separator="."): leaf for path, leaf in leaves}


def unflatten(like: Any, named: dict[str, jax.Array]) -> Any:
    """The tree of `flatten`, with the structure of `like`."""
    paths, treedef = jax.tree_util.tree_flatten_with_path(like)
    names = [jax.tree_util.keystr(path, simple=True, separator=".") for path, _ in paths]
    return jax.tree_util.tree_unflatten(treedef, [named[name] for name in names])


def claim_workdir(workdir: epath.Path, config: dict[str, Any]) -> None:
    """Write `config.json`, or check that the one there is of the same run.

    Raises WorkdirError naming the first fields that differ (those of `RESUMABLE` may).
    """
    path = workdir / "config.json"
    if not path.exists():
        storage.write_whole(path, json.dumps(config, indent=2, sort_keys=True))
        return
    there = json.loads(storage.read_bytes(path))
    different = [
        f"{name} (there {old!r}, now {new!r})"
        for name, old, new in _differences(there, json.loads(json.dumps(config)))
        if name.split(".")[0] not in RESUMABLE
    ]
    if different:
        raise WorkdirError(
            f"workdir {workdir} holds another run: {'; '.join(different[:3])}. Use another --workdir or that config."
        )


def _differences(old: Any, new: Any, prefix: str = ""):
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            yield from _differences(old.get(key), new.get(key), f"{prefix}{key}.")
    elif old != new:
        yield prefix.rstrip("."), old, new


class Checkpoints:
    """The checkpoints of one workdir. Close it, or use it as a context manager, so that the last save finishes.

    The newest `keep` stay, and `best_step` where there is one. What could not be read counts for neither and goes with
    the next save. Methods may be called from several threads.

    Attributes:
      best_step: a step whose checkpoint is kept whatever its age, or None.
    """

    def __init__(self, workdir: epath.PathLike, keep: int):
        self.best_step: int | None = None
        self._keep = keep
        self._damaged: set[int] = set()
        self._lock = threading.RLock()
        self._checkpointer = ocp.training.Checkpointer(
            storage.absolute(workdir) / "checkpoints",
            preservation_policy=self,
            cleanup_tmp_directories=True,
        )
        self._saved_step: int | None = None

    def __enter__(self) -> Checkpoints:
        return self

    def __exit__(self, kind, *_) -> None:
        with self._lock:
            try:
                with self._unwritten():
                    self._checkpointer.close()
            except WorkdirError:
                if kind is None:  # Else it is the error that this block ends with already.
                    raise

    def should_preserve(self, checkpoints, *, context) -> list[bool]:
        """Which of the checkpoints stay; Orbax asks once a save is complete."""
        del context
        whole = [info.step for info in checkpoints if info.step not in self._damaged]
        kept = {*sorted(whole)[-self._keep :], self.best_step}
        return [info.step in kept and info.step not in self._damaged for info in checkpoints]

    def save(self, state: Any, step: int, position: dict[str, Any], wait: bool = False) -> None:
        """Save `state`; `position` is JSON (the data cursor). Returns while writing goes on unless `wait`.

        Raises:
          WorkdirError: this checkpoint, or the one before that was still being written, could not be.
        """
        with self._lock, self._unwritten():
            if step != self._saved_step:
                named = flatten(state)
                metadata = position | {CHECKSUMS: checksums(named)}
                # One of this step that is already there was unreadable: this run started before it.
                self._damaged.discard(step)
                self._saved_step = step
                self._checkpointer.save_async(step, named, force=True, overwrite=True, custom_metadata=metadata)
            if wait:
                self._checkpointer.wait()

    @contextlib.contextmanager
    def _unwritten(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # Orbax raises whatever its storage layers raise.
            reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
            raise WorkdirError(
                f"checkpoint {self._saved_step} in {self._checkpointer.directory} cannot be written: {reason}; "
                "earlier ones are untouched: mend that, then run the same command again"
            ) from error

    def restore(self, like: Any) -> tuple[Any, dict[str, Any]] | None:
        """The newest readable (state, position), or None if there is no checkpoint.

        Args:
          like: a state, or shape structs with shardings, of the structure to restore.

        Raises:
          WorkdirError: checkpoints exist and none can be read.
        """
        found = sorted(self._checkpointer.checkpoints, key=lambda checkpoint: checkpoint.step, reverse=True)
        for checkpoint in found:
            damaged = None
            try:
                named = self._checkpointer.load(checkpoint.step, jax.tree.map(_abstract, flatten(like)))
                position = dict(self._checkpointer.metadata(checkpoint.step).custom_metadata or {})
                _compare(position.pop(CHECKSUMS, {}), named)
            except Exception as error:  # Orbax raises whatever its storage layers raise on damaged files.
                damaged = f"{type(error).__name__}: {str(error)[:120]!r}"
            # What one host cannot read none may use.
            if damaged := next(filter(None, hosts.gather(damaged)), None):
                logging.warning("checkpoint %d cannot be read (%s); trying the one before", checkpoint.step, damaged)
                self._damaged.add(checkpoint.step)
            else:
                self._saved_step = checkpoint.step
                return unflatten(like, named), position
        if found:
            raise WorkdirError(
                f"none of the {len(found)} checkpoints in {self._checkpointer.directory} can be read: "
                "remove that folder to start again"
            )
        return None


def checksums(named: dict[str, jax.Array]) -> dict[str, int]:
    """A number for each array that any single changed bit changes, and almost every other damage.

    Storage formats without checksums of their own would hand out damaged weights as if nothing had happened. The
    arrays stay where they are: sums of integers do not depend on how an array is sharded.
    """
    return {name: int(value) for name, value in jax.device_get(_checksums(named)).items()}


@jax.jit
def _checksums(named: dict[str, jax.Array]) -> dict[str, jax.Array]:
    return jax.tree.map(_checksum, named)


def _checksum(array: jax.Array) -> jax.Array:
    """Sum of bits times an odd number that depends on the place, modulo 2^32."""
    if array.dtype == bool:
        array = array.astype(jnp.uint8)
    unsigned = jnp.dtype(f"uint{8 * array.dtype.itemsize}")
    bits = jax.lax.bitcast_convert_type(array, unsigned).astype(jnp.uint32)
    place = jnp.zeros(array.shape, jnp.uint32)
    for axis, size in enumerate(array.shape):
        place = place * jnp.uint32(size) + jax.lax.broadcasted_iota(jnp.uint32, array.shape, axis)
    return jnp.sum(bits * (2 * place + 1), dtype=jnp.uint32)


def _compare(expected: dict[str, int], named: dict[str, jax.Array]) -> None:
    """Raises ValueError that names the first array that is not what was saved."""
    found = checksums({name: array for name, array in named.items() if name in expected})
    for name, value in found.items():
        if value != expected[name]:
            raise ValueError(f"{name} is not what was saved")


def _abstract(leaf: Any) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=getattr(leaf, "sharding", None))
