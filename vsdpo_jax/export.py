"""Write a trained model as a Hugging Face folder.

python -m vsdpo_jax.export --checkpoint=WORKDIR --out=FOLDER
python -m vsdpo_jax.export --checkpoint=WORKDIR/checkpoints/200 --out=FOLDER --dtype=float32

Parameters are read a few at a time, so the host never holds the model.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path

import jax
import jax.numpy as jnp
from absl import app, flags
from etils import epath
from orbax.checkpoint import v1 as ocp

from vsdpo_jax import storage
from vsdpo_jax.errors import UserError, exit_cleanly
from vsdpo_jax.model import weights
from vsdpo_jax.model.config import Qwen3VLConfig
from vsdpo_jax.progress import quiet_libraries

# Parameters are read together up to this size: a read costs about as much as this many bytes.
READ_BYTES = 10**9


class CheckpointArrays(Mapping):
    """Parameters of a checkpoint by `/`-separated path, read from disk a few at a time; the last few are kept.

    Args:
      step_folder: of one step.
      part: `params` or `teacher`.
      dtype: of the arrays.

    Raises:
      UserError: the checkpoint holds no such part.
    """

    def __init__(self, step_folder: epath.Path, part: str, dtype):
        self._folder, self._dtype = step_folder, dtype
        try:
            stored = ocp.metadata(step_folder).metadata
        except (ValueError, OSError, KeyError) as error:
            raise UserError(f"checkpoint {str(step_folder)!r} cannot be read: {str(error).splitlines()[0]}") from error
        self._stored = {_path(name, part): (name, leaf) for name, leaf in stored.items() if name.startswith(part + ".")}
        if not self._stored:
            raise UserError(f"checkpoint {str(step_folder)!r} holds no {part}: a live teacher is the student itself")
        self._held: dict[str, jax.Array] = {}

    def __getitem__(self, path: str) -> jax.Array:
        if path not in self._held:
            # What was held is let go before more is read.
            self._held = {}
            self._held = self._read(self._together(path))
        return self._held[path]

    def _together(self, path: str) -> list[str]:
        """`path` and those after it, up to READ_BYTES."""
        paths = sorted(self._stored)
        paths = paths[paths.index(path) :]
        sizes = [math.prod(self._stored[p][1].shape) * self._dtype.itemsize for p in paths]
        count = sum(total <= READ_BYTES for total in itertools.accumulate(sizes))
        return paths[: max(count, 1)]

    def _read(self, paths: list[str]) -> dict[str, jax.Array]:
        here = jax.sharding.SingleDeviceSharding(jax.local_devices(backend="cpu")[0])
        wanted = {
            name: jax.ShapeDtypeStruct(leaf.shape, self._dtype, sharding=here)
            for name, leaf in (self._stored[path] for path in paths)
        }
        context = ocp.Context()
        context.pytree.loading.partial_load = True
        with context:
            read = ocp.load(self._folder, wanted)
        return {path: read[self._stored[path][0]] for path in paths}

    def __iter__(self) -> Iterator[str]:
        return iter(self._stored)

    def __len__(self) -> int:
        return len(self._stored)


def _path(name: str, part: str) -> str:
    return name.removeprefix(part + ".").removesuffix(".value").replace(".", "/")


def find_step(checkpoint: epath.Path) -> tuple[epath.Path, epath.Path]:
    """(folder of one step, workdir) from either, local or `gs://`.

    Raises:
      UserError: there is no checkpoint.
    """
    if checkpoint.name.isdecimal() and checkpoint.parent.name == "checkpoints" and checkpoint.is_dir():
        return checkpoint, checkpoint.parent.parent
    folder = checkpoint / "checkpoints"
    steps = [step for step in folder.iterdir() if step.name.isdecimal()] if folder.is_dir() else []
    if not steps:
        raise UserError(f"no checkpoint in {str(checkpoint)!r}: give the --workdir of a run that has saved one")
    return max(steps, key=lambda step: int(step.name)), checkpoint


def source_folder(workdir: epath.Path, model: str) -> Path:
    """The model folder that the run started from, or `model` if given.

    Raises:
      UserError: it is not known or does not exist.
    """
    # The policy module opens tokenizers, which an export with its own --model need not wait for.
    from vsdpo_jax.policy import model_folder

    if not model:
        config = workdir / "config.json"
        if not config.exists():
            raise UserError(f"{str(workdir)!r} has no config.json that names the model: give --model=FOLDER")
        model = json.loads(config.read_text())["model"]
    return model_folder(model)


def export(checkpoint: str, out: str, *, model: str = "", dtype: str = "bfloat16", part: str = "params") -> epath.Path:
    """Writes the Hugging Face folder `out` and returns the step folder that was read.

    Raises:
      UserError: nothing to read, no room to write, or a checkpoint of another architecture.
    """
    target = Path(out).expanduser()
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UserError(f"--out={out} exists and is not an empty folder: give another, nothing is overwritten")
    step, workdir = find_step(storage.absolute(epath.Path(checkpoint).expanduser()))
    source = source_folder(workdir, model)
    config = Qwen3VLConfig.from_hf(source)
    arrays = CheckpointArrays(step, part, jnp.dtype(dtype))
    expected = {entry.path for entry in weights.table(config)}
    if arrays.keys() != expected:
        odd = sorted(arrays.keys() ^ expected)[:3]
        raise UserError(f"checkpoint {str(step)!r} is not of the model in {str(source)!r}: differs in {', '.join(odd)}")
    weights.save_arrays(target, config, arrays, tokenizer_files_from=source, dtype=jnp.dtype(dtype))
    return step


def define_flags() -> None:
    """Defined when run, not when imported: other commands have flags of the same names."""
    flags.DEFINE_string(
        "checkpoint",
        None,
        "Workdir of a run (its newest checkpoint), or a folder in its `checkpoints/`.",
        required=True,
    )
    flags.DEFINE_string("out", None, "Folder to write; must be empty or not exist.", required=True)
    flags.DEFINE_string("model", "", "Folder with config and tokenizer; by default the one the run started from.")
    flags.DEFINE_enum("dtype", "bfloat16", ["bfloat16", "float32"], "Of the written weights.")
    flags.DEFINE_enum("weights", "params", ["params", "teacher"], "Student, or the EMA or frozen teacher.")


def main(_) -> None:
    quiet_libraries()
    given = flags.FLAGS
    step = export(given.checkpoint, given.out, model=given.model, dtype=given.dtype, part=given.weights)
    print(f"wrote {given.out} ({given.dtype}) from {step}")


if __name__ == "__main__":
    define_flags()
    app.run(lambda argv: exit_cleanly(lambda: main(argv)))
