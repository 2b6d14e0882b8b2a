"""Peak host memory of loading a checkpoint onto a mesh and of exporting one, each in a process of its own.

    python -m vsdpo_jax.bench.loading

A Hugging Face folder of the published 2B shape is written with random weights (bfloat16, several files), loaded onto
eight virtual devices with every large parameter split, saved as a training checkpoint, and exported again. On a CPU
the devices' memory is the host's, so the least that loading can hold is the model once; an export needs only the file
that it is writing.
"""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import ml_dtypes
import numpy as np

from vsdpo_jax.model import weights
from vsdpo_jax.model.config import Qwen3VLConfig

DEVICES = 8
SHARD_BYTES = 10**9


@dataclasses.dataclass(frozen=True)
class Peak:
    """Bytes of host memory: what the process held before, at most, and the size of the model in the same type."""

    before: int
    highest: int
    model: int

    @property
    def held(self) -> int:
        """What was held at most, besides the process itself."""
        return self.highest - self.before


class RandomArrays(Mapping):
    """Random parameters by path, made when asked for, so that the writer holds one at a time."""

    def __init__(self, config: Qwen3VLConfig):
        self._entries = {entry.path: entry for entry in weights.table(config)}
        self._held: tuple[str, np.ndarray] | None = None

    def __getitem__(self, path: str) -> np.ndarray:
        if self._held is None or self._held[0] != path:
            self._held = None
            entry = self._entries[path]
            shape = (len(entry.keys), *entry.shape) if entry.stacked else entry.shape
            # Any finite bits do: exponents up to that of 1.
            bits = np.random.default_rng(len(path)).integers(0, 0x3F80, shape, np.uint16)
            self._held = path, bits.view(ml_dtypes.bfloat16)
        return self._held[1]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)


def write_model(folder: Path, config: Qwen3VLConfig) -> None:
    """A Hugging Face folder with random bfloat16 weights in files of `SHARD_BYTES`."""
    weights.save_arrays(folder, config, RandomArrays(config), dtype=ml_dtypes.bfloat16, max_shard_bytes=SHARD_BYTES)


def measure(task: str, *arguments: str) -> Peak:
    """Runs `load` or `export` in a fresh process."""
    command = [sys.executable, "-m", "vsdpo_jax.bench.loading", task, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{task} failed: {done.stderr[-2000:]}")
    return Peak(**json.loads(done.stdout.splitlines()[-1]))


def run(config: Qwen3VLConfig | None = None) -> list[str]:
    """Lines of a table; needs about 15 GB of disk and 11 GB of memory for the 2B shape."""
    config = config or Qwen3VLConfig.preset("2b")
    with tempfile.TemporaryDirectory(dir=".") as folder:
        model, workdir = Path(folder, "model"), Path(folder, "run")
        write_model(model, config)
        peaks = {
            f"load bfloat16 onto {DEVICES} devices": measure("load", str(model), "bfloat16"),
            f"load float32 onto {DEVICES} devices": measure("load", str(model), "float32", str(workdir)),
            "export bfloat16": measure("export", str(workdir), str(Path(folder, "out")), "bfloat16"),
        }
    lines = [f"{'host memory (GB)':36}  model  held at most"]
    for name, peak in peaks.items():
        lines.append(f"{name:36} {peak.model / 1e9:6.2f} {peak.held / 1e9:6.2f}")
    return lines


def _load(folder: str, dtype: str, workdir: str = "") -> Peak:
    import jax

    jax.config.update("jax_num_cpu_devices", DEVICES)
    from vsdpo_jax import sharding
    from vsdpo_jax.checkpoint import Checkpoints

    config = Qwen3VLConfig.from_hf(folder)
    shardings = sharding.parameter_shardings(sharding.make_mesh(), config)
    before = _held("VmRSS")
    _, params = weights.load(folder, dtype=jax.numpy.dtype(dtype), shardings=shardings)
    jax.block_until_ready(params)
    peak = Peak(before, _held("VmHWM"), sum(leaf.nbytes for leaf in jax.tree.leaves(params)))
    if workdir:
        Path(workdir).mkdir()
        Path(workdir, "config.json").write_text(json.dumps({"model": folder}))
        with Checkpoints(workdir, keep=1) as checkpoints:
            checkpoints.save({"params": params}, 1, {}, wait=True)
    return peak


def _export(workdir: str, out: str, dtype: str) -> Peak:
    from vsdpo_jax.export import export

    before = _held("VmRSS")
    export(workdir, out, dtype=dtype)
    size = sum(file.stat().st_size for file in Path(out).glob("*.safetensors"))
    return Peak(before, _held("VmHWM"), size)


def _held(name: str) -> int:
    """`VmRSS` (now) or `VmHWM` (at most) of this process in bytes."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) * 1024


if __name__ == "__main__":
    if len(sys.argv) == 1:
        print("\n".join(run()))
    else:
        task, *rest = sys.argv[1:]
        print(json.dumps(dataclasses.asdict({"load": _load, "export": _export}[task](*rest))))
