"""Weights between Hugging Face safetensors and this package's parameters: one table, used both ways.

A stacked parameter [layers, ...] is made of one tensor per layer. Linear weights are [out, in] there and
[*inputs, *outputs] here. Nothing needs torch.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import math
import pathlib
import shutil
from collections.abc import Iterator, Mapping

import jax
import ml_dtypes
import numpy as np
from flax import nnx
from safetensors import safe_open
from safetensors.numpy import save_file

from vsdpo_jax.model.config import Qwen3VLConfig
from vsdpo_jax.model.qwen3vl import abstract_params
from vsdpo_jax.sharding import path_of

_TEXT_LAYER = {
    "attention_norm/scale": "input_layernorm.weight",
    "q_proj/kernel": "self_attn.q_proj.weight",
    "k_proj/kernel": "self_attn.k_proj.weight",
    "v_proj/kernel": "self_attn.v_proj.weight",
    "o_proj/kernel": "self_attn.o_proj.weight",
    "q_norm/scale": "self_attn.q_norm.weight",
    "k_norm/scale": "self_attn.k_norm.weight",
    "mlp_norm/scale": "post_attention_layernorm.weight",
    "gate_proj/kernel": "mlp.gate_proj.weight",
    "up_proj/kernel": "mlp.up_proj.weight",
    "down_proj/kernel": "mlp.down_proj.weight",
}
_VISION_BLOCK = {
    f"{ours}/{part}": f"{theirs}.{'bias' if part == 'bias' else 'weight'}"
    for ours, theirs, weight in (
        ("norm1", "norm1", "scale"),
        ("norm2", "norm2", "scale"),
        ("qkv", "attn.qkv", "kernel"),
        ("proj", "attn.proj", "kernel"),
        ("fc1", "mlp.linear_fc1", "kernel"),
        ("fc2", "mlp.linear_fc2", "kernel"),
    )
    for part in (weight, "bias")
}
_MERGER = {
    "norm/scale": "norm.weight",
    "norm/bias": "norm.bias",
    "fc1/kernel": "linear_fc1.weight",
    "fc1/bias": "linear_fc1.bias",
    "fc2/kernel": "linear_fc2.weight",
    "fc2/bias": "linear_fc2.bias",
}
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
# Leading axes of a kernel that are inputs; every other kernel has one.
_INPUT_AXES = {"o_proj": 2, "proj": 2}


@dataclasses.dataclass(frozen=True)
class Entry:
    """One parameter here and the tensors there.

    Attributes:
      path: of the parameter, `/`-separated.
      keys: tensor names, one per layer if `stacked`, else one.
      stacked: the parameter has a leading layer axis.
      shape: of one layer's parameter (without the layer axis).
      hf_shape: of each tensor.
      inputs: how many leading axes of a kernel are inputs; 0 if the tensor is not a linear map.
    """

    path: str
    keys: tuple[str, ...]
    stacked: bool
    shape: tuple[int, ...]
    hf_shape: tuple[int, ...]
    inputs: int

    def to_hf(self, array: np.ndarray) -> np.ndarray:
        """One layer's parameter as its tensor."""
        if not self.inputs:
            return array.reshape(self.hf_shape)
        rows = math.prod(self.shape[: self.inputs])
        return np.ascontiguousarray(array.reshape(rows, -1).T).reshape(self.hf_shape)

    def from_hf(self, tensor: np.ndarray) -> np.ndarray:
        """One layer's parameter from its tensor."""
        if not self.inputs:
            return tensor.reshape(self.shape)
        columns = math.prod(self.shape[self.inputs :])
        return tensor.reshape(columns, -1).T.reshape(self.shape)


@functools.lru_cache(maxsize=16)
def table(config: Qwen3VLConfig) -> tuple[Entry, ...]:
    """Every parameter of the model with the Hugging Face tensors it comes from, in the order of the paths."""
    names = dict(_names(config))
    entries = []
    for path, leaf in _flatten(abstract_params(config)):
        keys, stacked = names.pop(path)
        shape = leaf.shape[1:] if stacked else leaf.shape
        module, leaf_name = path.split("/")[-2:] if "/" in path else ("", path)
        inputs = _INPUT_AXES.get(module, 1) if leaf_name == "kernel" else 0
        entries.append(Entry(path, keys, stacked, shape, _hf_shape(config, path, shape, inputs), inputs))
    if names:
        raise AssertionError(f"the table names parameters that the model does not have: {sorted(names)}")
    return tuple(entries)


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
    with _Tensors(folder) as tensors:
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
    max_shard_bytes: int = 5 * 10**9,
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
    max_shard_bytes: int = 5 * 10**9,
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
    return dict(_flatten(params))


def _flatten(params) -> Iterator[tuple[str, jax.Array]]:
    for path, leaf in jax.tree_util.tree_flatten_with_path(params)[0]:
        yield path_of(path), leaf


def _names(config: Qwen3VLConfig) -> Iterator[tuple[str, tuple[tuple[str, ...], bool]]]:
    """(path, (tensor names, stacked))."""
    text, visual = "model.language_model", "model.visual"
    yield "text/embedding", ((f"{text}.embed_tokens.weight",), False)
    yield "text/norm/scale", ((f"{text}.norm.weight",), False)
    if not config.tie_word_embeddings:
        yield "lm_head", (("lm_head.weight",), False)
    taps, depth = config.num_deepstack_layers, config.text.num_hidden_layers
    for stack, numbers in (("deepstack_layers", range(taps)), ("layers", range(taps, depth))):
        for ours, theirs in _TEXT_LAYER.items() if numbers else ():
            yield f"text/{stack}/{ours}", (tuple(f"{text}.layers.{i}.{theirs}" for i in numbers), True)
    yield "vision/patch_embed/kernel", ((f"{visual}.patch_embed.proj.weight",), False)
    yield "vision/patch_embed/bias", ((f"{visual}.patch_embed.proj.bias",), False)
    yield "vision/position_embedding", ((f"{visual}.pos_embed.weight",), False)
    start = 0
    for index, size in enumerate(config.vision.segments):
        for ours, theirs in _VISION_BLOCK.items() if size else ():
            keys = tuple(f"{visual}.blocks.{i}.{theirs}" for i in range(start, start + size))
            yield f"vision/segment_{index}/{ours}", (keys, True)
        start += size
    for ours, theirs in _MERGER.items():
        yield f"vision/merger/{ours}", ((f"{visual}.merger.{theirs}",), False)
        for index in range(taps):
            key = f"{visual}.deepstack_merger_list.{index}.{theirs}"
            yield f"vision/deepstack_merger_{index}/{ours}", ((key,), False)


def _hf_shape(config: Qwen3VLConfig, path: str, shape: tuple[int, ...], inputs: int) -> tuple[int, ...]:
    if path == "vision/patch_embed/kernel":
        v = config.vision
        return (v.hidden_size, v.in_channels, v.temporal_patch_size, v.patch_size, v.patch_size)
    if inputs:
        return (math.prod(shape[inputs:]), math.prod(shape[:inputs]))
    return (math.prod(shape),) if path.endswith(("scale", "bias")) else shape


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
    """The tensors of a folder, opened lazily."""

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
        self._files = [safe_open(folder / name, framework="numpy") for name in names]
        self._by_key = {key: file for file in self._files for key in file.keys()}  # noqa: SIM118 (not a mapping)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._by_key, self._files = {}, []

    def check(self, entries: tuple[Entry, ...], ignore: tuple[str, ...]) -> None:
        wanted = {key: entry.hf_shape for entry in entries for key in entry.keys}
        missing = sorted(wanted.keys() - self._by_key.keys())
        unexpected = sorted(self._by_key.keys() - wanted.keys() - set(ignore))
        misshapen = [
            f"{key} is {tuple(shape)}, expected {wanted[key]}"
            for key in sorted(wanted.keys() & self._by_key.keys())
            if (shape := self._by_key[key].get_slice(key).get_shape()) != list(wanted[key])
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
        file = self._by_key[key]
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
