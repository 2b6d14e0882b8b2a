"""Weights between Hugging Face safetensors and this package's parameters, both ways by one table, without torch."""

from __future__ import annotations

import json
import math
import pathlib
import shutil
from collections.abc import Mapping

import jax
import ml_dtypes
import numpy as np
from flax import nnx
from safetensors import safe_open
from safetensors.numpy import save_file

from vsdpo_jax.model.config import Qwen3VLConfig
from vsdpo_jax.model.qwen3vl import abstract_params
from vsdpo_jax.model.weight_table import Entry, flatten, table

_COPIED_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "tokenizer.model",
    "vocab.json",
    "merges.txt",
    "added_tokens.json",
    "special_tokens_map.json",
    "chat_template.jinja",
    "chat_template.json",
    "preprocessor_config.json",
    "video_preprocessor_config.json",
    "processor_config.json",
    "generation_config.json",
)
# A file is put together in memory before it is written.
SHARD_BYTES = 2 * 10**9


def load(
    folder: str | pathlib.Path, *, dtype=np.float32, shardings: Mapping[str, jax.sharding.Sharding] | None = None
) -> tuple[Qwen3VLConfig, nnx.State]:
    """Reads a Hugging Face folder.

    Args:
      folder: with `config.json` and `model.safetensors`, or several files and their index.
      dtype: of the parameters.
      shardings: where each path's parameter goes; every shard then reads only its part of each tensor, so the
        host never holds more than one shard of one parameter besides what its own devices hold.

    Returns:
      (config, parameters as the state of `nnx.split(model, nnx.Param)`).

    Raises:
      FileNotFoundError: no folder, config or weights.
      ValueError: missing, unexpected or misshapen tensors, all named.
    """
    folder = pathlib.Path(folder)
    config = Qwen3VLConfig.from_hf(folder)
    entries = table(config)
    tensors = _Tensors(folder)
    tensors.check(entries, ignore=("lm_head.weight",) if config.tie_word_embeddings else ())
    arrays = {}
    for entry in entries:
        shape = (len(entry.keys), *entry.shape) if entry.stacked else entry.shape
        if shardings is None:
            arrays[entry.path] = jax.numpy.asarray(_read(tensors, entry, (slice(None),) * len(shape), dtype))
        else:
            arrays[entry.path] = jax.make_array_from_callback(
                shape,
                shardings[entry.path],
                lambda index, entry=entry: _read(tensors, entry, index, dtype),
                dtype=dtype,
            )
    return config, as_state(config, arrays)


def save(
    folder: str | pathlib.Path,
    config: Qwen3VLConfig,
    params,
    *,
    tokenizer_files_from: str | pathlib.Path | None = None,
    dtype=None,
    max_shard_bytes: int = SHARD_BYTES,
) -> None:
    """Writes a Hugging Face folder: config, weights (with an index if they need several files), tokenizer files.

    Args:
      folder: made if it does not exist.
      config, params: of the model; `params` is a state, or its pure dictionary.
      tokenizer_files_from: a Hugging Face folder whose tokenizer, processor and generation files are copied.
      dtype: of the written weights; that of the parameters if None.
      max_shard_bytes: no file of weights is larger, unless one tensor is.
    """
    options = {"tokenizer_files_from": tokenizer_files_from, "dtype": dtype, "max_shard_bytes": max_shard_bytes}
    save_arrays(folder, config, flat_arrays(params), **options)


def save_arrays(
    folder: str | pathlib.Path,
    config: Qwen3VLConfig,
    arrays: Mapping[str, jax.Array],
    *,
    tokenizer_files_from: str | pathlib.Path | None = None,
    dtype=None,
    max_shard_bytes: int = SHARD_BYTES,
) -> None:
    """As `save`, from arrays by path. Each is asked for a few times in a row, so they may be made when asked."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    dtype = np.dtype(dtype or arrays["text/embedding"].dtype)
    _save_files(folder, config, dtype, tokenizer_files_from)
    files = _plan_files(table(config), dtype.itemsize, max_shard_bytes)
    for name, tensors in files.items():
        contents = {key: entry.to_hf(_fetch(arrays, entry, layer).astype(dtype)) for key, entry, layer in tensors}
        save_file(contents, folder / name, metadata={"format": "pt"})
    if len(files) > 1:
        weight_map = {key: name for name, tensors in files.items() for key, _, _ in tensors}
        total = sum(math.prod(entry.hf_shape) for tensors in files.values() for _, entry, _ in tensors)
        index = {"metadata": {"total_size": total * dtype.itemsize}, "weight_map": dict(sorted(weight_map.items()))}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n")


def _save_files(folder: pathlib.Path, config: Qwen3VLConfig, dtype: np.dtype, source) -> None:
    if source is not None:
        for name in _COPIED_FILES:
            file = pathlib.Path(source) / name
            if file.is_file() and file.resolve() != (folder / name).resolve():
                shutil.copyfile(file, folder / name)
    (folder / "config.json").write_text(json.dumps(config.to_hf() | {"dtype": dtype.name}, indent=2) + "\n")
    if not (folder / "generation_config.json").is_file():
        ids = {"bos_token_id": config.bos_token_id, "eos_token_id": config.eos_token_id}
        (folder / "generation_config.json").write_text(json.dumps(ids, indent=2) + "\n")


def _plan_files(entries: tuple[Entry, ...], itemsize: int, limit: int) -> dict[str, list[tuple[str, Entry, int]]]:
    """File name -> (tensor name, entry, layer), in the order of the entries."""
    groups, room = [[]], limit
    for entry in entries:
        size = math.prod(entry.hf_shape) * itemsize
        for layer, key in enumerate(entry.keys):
            if groups[-1] and size > room:
                groups.append([])
                room = limit
            groups[-1].append((key, entry, layer))
            room -= size
    if len(groups) == 1:
        return {"model.safetensors": groups[0]}
    return {f"model-{i:05d}-of-{len(groups):05d}.safetensors": group for i, group in enumerate(groups, start=1)}


def _fetch(arrays: Mapping[str, jax.Array], entry: Entry, layer: int) -> np.ndarray:
    array = arrays[entry.path]
    if not entry.stacked:
        return np.asarray(array)
    # From a device only the layer comes; what is host memory already needs no compiled slice.
    return np.asarray(array)[layer] if _in_host_memory(array) else np.asarray(array[layer])


def _in_host_memory(array) -> bool:
    return isinstance(array, np.ndarray) or [device.platform for device in array.devices()] == ["cpu"]


def as_state(config: Qwen3VLConfig, arrays: Mapping[str, jax.Array]) -> nnx.State:
    """The state of a model whose parameters are `arrays`, by `/`-separated path."""
    state = abstract_params(config)
    flat = [(path, leaf.replace(arrays["/".join(map(str, path))])) for path, leaf in nnx.to_flat_state(state)]
    return nnx.from_flat_state(flat)


def flat_arrays(params) -> dict[str, jax.Array]:
    """Path -> array of a parameter state or of its pure dictionary."""
    return dict(flatten(params))


def _read(tensors: _Tensors, entry: Entry, index: tuple[slice, ...], dtype) -> np.ndarray:
    """The part `index` of a parameter."""
    if not entry.stacked:
        part = tensors.part(entry, 0, index)
        out = np.empty(part.shape, dtype)
        _copy(out, part)
        return out
    layers = range(*index[0].indices(len(entry.keys)))
    out = None
    for position, layer in enumerate(layers):
        part = tensors.part(entry, layer, index[1:])
        out = np.empty((len(layers), *part.shape), dtype) if out is None else out
        _copy(out[position, ...], part)
    return out


def _copy(out: np.ndarray, array: np.ndarray) -> None:
    """`out[...] = array`. NumPy moves bfloat16 element by element, some ten times slower than integers of its size."""
    if array.dtype != ml_dtypes.bfloat16 or out.dtype not in (ml_dtypes.bfloat16, np.float32):
        out[...] = array
    elif out.dtype == ml_dtypes.bfloat16:
        out.view(np.uint16)[...] = array.view(np.uint16)
    else:
        # A bfloat16 is the upper half of a float32.
        bits = out.view(np.uint32)
        bits[...] = array.view(np.uint16)
        np.left_shift(bits, 16, out=bits)


class _Tensors:
    """The tensors of a folder.

    A file is opened for one read and closed: it is mapped into memory, and as long as it is open the pages that were
    read count as this process's, in the end the whole model.
    """

    def __init__(self, folder: pathlib.Path):
        index, single = folder / "model.safetensors.index.json", folder / "model.safetensors"
        if index.is_file():
            names = sorted(set(json.loads(index.read_text())["weight_map"].values()))
        elif single.is_file():
            names = [single.name]
        else:
            raise FileNotFoundError(f"no weights in {folder}: expected {single.name} or {index.name}")
        missing = [name for name in names if not (folder / name).is_file()]
        if missing:
            raise FileNotFoundError(f"weights are incomplete in {folder}: {', '.join(missing)} missing")
        self._file_of, self._shape_of = {}, {}
        for file in (folder / name for name in names):
            with safe_open(file, framework="numpy") as opened:
                for key in opened.keys():  # noqa: SIM118 (not a mapping)
                    self._file_of[key] = file
                    self._shape_of[key] = tuple(opened.get_slice(key).get_shape())

    def check(self, entries: tuple[Entry, ...], ignore: tuple[str, ...]) -> None:
        wanted = {key: entry.hf_shape for entry in entries for key in entry.keys}
        missing = sorted(wanted.keys() - self._file_of.keys())
        unexpected = sorted(self._file_of.keys() - wanted.keys() - set(ignore))
        misshapen = [
            f"{key} is {self._shape_of[key]}, expected {wanted[key]}"
            for key in sorted(wanted.keys() & self._file_of.keys())
            if self._shape_of[key] != wanted[key]
        ]
        problems = [
            f"{len(items)} {kind} ({', '.join(items[:4])}{', …' if len(items) > 4 else ''})"
            for kind, items in (("missing", missing), ("unexpected", unexpected), ("of another shape", misshapen))
            if items
        ]
        if problems:
            raise ValueError("the weights do not fit the config: tensors " + "; ".join(problems))

    def part(self, entry: Entry, layer: int, index: tuple[slice, ...]) -> np.ndarray:
        """The part `index` of one layer's parameter, reading as little of the tensor as its layout allows."""
        key = entry.keys[layer]
        with safe_open(self._file_of[key], framework="numpy") as file:
            return self._part(file, key, entry, index)

    @staticmethod
    def _part(file, key: str, entry: Entry, index: tuple[slice, ...]) -> np.ndarray:
        if not entry.inputs and entry.shape == entry.hf_shape:
            return file.get_slice(key)[index] if index else file.get_tensor(key)
        if entry.inputs and len(entry.hf_shape) == 2:
            columns, whole_columns = _range(entry.shape[: entry.inputs], index[: entry.inputs])
            rows, whole_rows = _range(entry.shape[entry.inputs :], index[entry.inputs :])
            if whole_columns and whole_rows:
                tensor = file.get_slice(key)[rows, columns]
                lengths = [len(range(*part.indices(size))) for part, size in zip(index, entry.shape, strict=True)]
                return tensor.T.reshape(lengths)
        return entry.from_hf(file.get_tensor(key))[index]


def _range(shape: tuple[int, ...], index: tuple[slice, ...]) -> tuple[slice, bool]:
    """The slice of the flattened axes, and whether it is exactly `index` (only the first axis is cut)."""
    start, stop, _ = index[0].indices(shape[0])
    inner = math.prod(shape[1:])
    exact = all(part.indices(size) == (0, size, 1) for part, size in zip(index[1:], shape[1:], strict=True))
    return slice(start * inner, stop * inner), exact
