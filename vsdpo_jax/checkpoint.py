"""Saving and restoring a run: asynchronous, atomic, newest readable checkpoint first (Orbax v1).

A workdir holds `config.json` (the run's config, written once) and `checkpoints/STEP/` (arrays of the
`TrainState` by path, and the position in the data as metadata).
"""

from __future__ import annotations

import json
from typing import Any

import jax
from absl import logging
from etils import epath
from orbax.checkpoint import v1 as ocp

from vsdpo_jax.errors import UserError

# Fields that may differ between a run and its continuation: they change how long and how it is watched, not what it is.
RESUMABLE = ("steps", "eval", "render", "checkpoint", "record", "mesh", "compilation_cache")


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
        workdir.mkdir(parents=True, exist_ok=True)
        temporary = workdir / "config.json.tmp"
        temporary.write_text(json.dumps(config, indent=2, sort_keys=True))
        temporary.rename(path)
        return
    there = json.loads(path.read_text())
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
    """The checkpoints of one workdir. Close it, or use it as a context manager, so that the last save finishes."""

    def __init__(self, workdir: epath.PathLike, keep: int):
        self._checkpointer = ocp.training.Checkpointer(
            epath.Path(workdir).absolute() / "checkpoints",
            preservation_policy=ocp.training.preservation_policies.LatestN(keep),
            cleanup_tmp_directories=True,
        )
        self._saved_step: int | None = None

    def __enter__(self) -> Checkpoints:
        return self

    def __exit__(self, *_) -> None:
        self._checkpointer.close()

    def save(self, state: Any, step: int, position: dict[str, Any], wait: bool = False) -> None:
        """Save `state`; `position` is JSON (the data cursor). Returns while writing goes on unless `wait`."""
        if step != self._saved_step:
            # A checkpoint of this step that is already there was unreadable: this run started before it.
            self._checkpointer.save_async(step, flatten(state), force=True, overwrite=True, custom_metadata=position)
            self._saved_step = step
        if wait:
            self._checkpointer.wait()

    def restore(self, like: Any) -> tuple[Any, dict[str, Any]] | None:
        """The newest readable (state, position), or None if there is no checkpoint.

        Args:
          like: a state, or shape structs with shardings, of the structure to restore.

        Raises:
          WorkdirError: checkpoints exist and none can be read.
        """
        found = sorted(self._checkpointer.checkpoints, key=lambda checkpoint: checkpoint.step, reverse=True)
        for checkpoint in found:
            try:
                named = self._checkpointer.load(checkpoint.step, jax.tree.map(_abstract, flatten(like)))
                position = self._checkpointer.metadata(checkpoint.step).custom_metadata
            except Exception as error:  # Orbax raises whatever its storage layers raise on damaged files.
                summary = f"{type(error).__name__}: {str(error)[:120]!r}"
                logging.warning("checkpoint %d cannot be read (%s); trying the one before", checkpoint.step, summary)
            else:
                self._saved_step = checkpoint.step
                return unflatten(like, named), dict(position or {})
        if found:
            raise WorkdirError(
                f"none of the {len(found)} checkpoints in {self._checkpointer.directory} can be read: "
                "remove that folder to start again"
            )
        return None


def _abstract(leaf: Any) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=getattr(leaf, "sharding", None))
