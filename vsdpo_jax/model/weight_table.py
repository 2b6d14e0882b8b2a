"""The table of weights: every parameter of this package and the Hugging Face tensors that it is made of.

A stacked parameter [layers, ...] is made of one tensor per layer. Linear weights are [out, in] there and
[*inputs, *outputs] here.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Iterator

import jax
import numpy as np

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
    for path, leaf in flatten(abstract_params(config)):
        keys, stacked = names.pop(path)
        shape = leaf.shape[1:] if stacked else leaf.shape
        module, leaf_name = path.split("/")[-2:] if "/" in path else ("", path)
        inputs = _INPUT_AXES.get(module, 1) if leaf_name == "kernel" else 0
        entries.append(Entry(path, keys, stacked, shape, _hf_shape(config, path, shape, inputs), inputs))
    if names:
        raise AssertionError(f"the table names parameters that the model does not have: {sorted(names)}")
    return tuple(entries)


def flatten(params) -> Iterator[tuple[str, jax.Array]]:
    """(`/`-separated path, leaf) of a parameter state or of its pure dictionary."""
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
