"""The image tower of CLIP (Radford et al., 2021) as a Hugging Face folder holds it: pictures to embeddings.

For ViT-B/32 (`openai/clip-vit-base-patch32`) and its relatives. Weights come from `model.safetensors` or
`flax_model.msgpack`; the text tower in them is not read.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import pathlib
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx, serialization
from PIL import Image
from safetensors import safe_open

from vsdpo_jax.errors import UserError

_MEAN = np.array([0.48145466, 0.4578275, 0.40821073], np.float32)
_STD = np.array([0.26862954, 0.26130258, 0.27577711], np.float32)


@dataclasses.dataclass(frozen=True)
class ClipVisionConfig:
    """Shapes of the tower; the defaults are those of ViT-B/32, which Hugging Face leaves out of `config.json`."""

    hidden_size: int = 768
    intermediate_size: int = 3072
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    image_size: int = 224
    patch_size: int = 32
    projection_dim: int = 512
    layer_norm_eps: float = 1e-5
    hidden_act: str = "quick_gelu"

    @classmethod
    def from_folder(cls, folder: str | pathlib.Path) -> ClipVisionConfig:
        """Reads `config.json`. Raises UserError for another kind of model."""
        path = pathlib.Path(folder) / "config.json"
        try:
            content = json.loads(path.read_text())
        except (OSError, ValueError) as error:
            raise UserError(f"{path} is not the config of a CLIP model: {error}") from error
        if content.get("model_type") != "clip":
            raise UserError(f"{path} is of model_type {content.get('model_type')!r}; a CLIP model is needed")
        names = {field.name for field in dataclasses.fields(cls)}
        # The projection's size is written at the top; inside `vision_config` it is a default that may be wrong.
        vision = {name: value for name, value in content.get("vision_config", {}).items() if name in names}
        vision["projection_dim"] = content.get("projection_dim", cls.projection_dim)
        return cls(**vision)


class _Layer(nnx.Module):
    def __init__(self, config: ClipVisionConfig, rngs: nnx.Rngs):
        norm = functools.partial(nnx.LayerNorm, config.hidden_size, epsilon=config.layer_norm_eps, rngs=rngs)
        linear = functools.partial(nnx.Linear, rngs=rngs)
        size = config.hidden_size
        self.heads = config.num_attention_heads
        self.activation = _ACTIVATIONS[config.hidden_act]
        self.layer_norm1, self.layer_norm2 = norm(), norm()
        self.q_proj, self.k_proj, self.v_proj, self.out_proj = (linear(size, size) for _ in range(4))
        self.fc1, self.fc2 = linear(size, config.intermediate_size), linear(config.intermediate_size, size)

    def __call__(self, hidden: jax.Array) -> jax.Array:
        normed = self.layer_norm1(hidden)
        split = (*normed.shape[:-1], self.heads, -1)
        query, key, value = (layer(normed).reshape(split) for layer in (self.q_proj, self.k_proj, self.v_proj))
        mixed = jax.nn.dot_product_attention(query, key, value)
        hidden = hidden + self.out_proj(mixed.reshape(hidden.shape))
        return hidden + self.fc2(self.activation(self.fc1(self.layer_norm2(hidden))))


class ClipVision(nnx.Module):
    """Pictures to unit vectors.

    Args:
      config: shapes.
      rngs: for random weights; `load` replaces them.
    """

    def __init__(self, config: ClipVisionConfig, rngs: nnx.Rngs):
        self.config = config
        size, patch = config.hidden_size, config.patch_size
        count = (config.image_size // patch) ** 2 + 1
        self.class_embedding = nnx.Param(jnp.zeros(size))
        self.position_embedding = nnx.Param(jnp.zeros((count, size)))
        self.patch_embedding = nnx.Linear(3 * patch * patch, size, use_bias=False, rngs=rngs)
        norm = functools.partial(nnx.LayerNorm, size, epsilon=config.layer_norm_eps, rngs=rngs)
        self.pre_layrnorm, self.post_layernorm = norm(), norm()
        self.layers = nnx.List([_Layer(config, rngs) for _ in range(config.num_hidden_layers)])
        self.visual_projection = nnx.Linear(size, config.projection_dim, use_bias=False, rngs=rngs)

    def __call__(self, pixels: jax.Array) -> jax.Array:
        """Embeddings of unit length.

        Args:
          pixels: float32[batch, image_size, image_size, 3] as `prepare` makes them.

        Returns:
          float32[batch, projection_dim].
        """
        patch, side = self.config.patch_size, self.config.image_size // self.config.patch_size
        cells = pixels.reshape(-1, side, patch, side, patch, 3).transpose(0, 1, 3, 5, 2, 4)
        patches = self.patch_embedding(cells.reshape(cells.shape[0], side * side, -1))
        first = jnp.broadcast_to(self.class_embedding[...], (patches.shape[0], 1, patches.shape[-1]))
        hidden = self.pre_layrnorm(jnp.concatenate([first, patches], axis=1) + self.position_embedding[...])
        for layer in self.layers:
            hidden = layer(hidden)
        embedding = self.visual_projection(self.post_layernorm(hidden[:, 0]))
        return embedding / jnp.linalg.norm(embedding, axis=-1, keepdims=True)


_ACTIVATIONS = {
    "quick_gelu": lambda x: x * jax.nn.sigmoid(1.702 * x),
    "gelu": functools.partial(jax.nn.gelu, approximate=False),
}


def prepare(picture: Image.Image, size: int) -> np.ndarray:
    """A picture as CLIP's own preprocessing gives it: float32[size, size, 3].

    The shorter side becomes `size` (bicubic), the middle is cut out, colors are normalised.
    """
    width, height = picture.size
    short = min(width, height)
    scaled = (size, int(size * height / width)) if width == short else (int(size * width / height), size)
    picture = picture.convert("RGB").resize(scaled, Image.Resampling.BICUBIC)
    left, top = (scaled[0] - size) // 2, (scaled[1] - size) // 2
    cut = np.asarray(picture.crop((left, top, left + size, top + size)), np.float32)
    return (cut / np.float32(255) - _MEAN) / _STD


def load(folder: str | pathlib.Path) -> ClipVision:
    """The tower with the weights of a Hugging Face folder.

    Raises:
      UserError: there are no such weights.
    """
    folder = pathlib.Path(folder)
    config = ClipVisionConfig.from_folder(folder)
    model = nnx.eval_shape(lambda: ClipVision(config, nnx.Rngs(0)))
    definition, state = nnx.split(model)
    tensors = _tensors(folder)
    try:
        weights = {path: _converted(path, tensors) for path in nnx.to_flat_state(state).paths}
    except KeyError as error:
        raise UserError(f"{folder} lacks the tensor {error.args[0]}") from None
    for path, variable in nnx.to_flat_state(state):
        if weights[path].shape != variable.shape:
            name = "/".join(map(str, path))
            raise UserError(f"{folder}: {name} has shape {weights[path].shape}, the config says {variable.shape}")
        variable.set_value(jnp.asarray(weights[path], jnp.float32))
    return nnx.merge(definition, state)


def _converted(path: tuple[Any, ...], tensors: Mapping[str, np.ndarray]) -> np.ndarray:
    """The tensor of one of our parameters, turned the way we keep it."""
    *owners, kind = (str(part) for part in path)
    if owners and owners[0] == "layers":
        module = owners[2]
        group = {"fc1": "mlp.fc1", "fc2": "mlp.fc2"}.get(module, module)
        group = f"self_attn.{module}" if module.endswith("_proj") else group
        name = f"vision_model.encoder.layers.{owners[1]}.{group}"
    elif kind in ("class_embedding", "position_embedding"):
        name = f"vision_model.embeddings.{kind}"
        return tensors[name if kind == "class_embedding" else f"{name}.weight"]
    elif owners == ["patch_embedding"]:
        # [out, channel, row, column] there, [channel * row * column, out] here.
        weight = tensors["vision_model.embeddings.patch_embedding.weight"]
        return weight.reshape(weight.shape[0], -1).T
    elif owners == ["visual_projection"]:
        name = "visual_projection"
    else:
        name = f"vision_model.{owners[0]}"
    tensor = tensors[f"{name}.{'bias' if kind == 'bias' else 'weight'}"]
    return tensor.T if kind == "kernel" else tensor


def _tensors(folder: pathlib.Path) -> dict[str, np.ndarray]:
    """The tensors of the image tower, named and turned as in safetensors files."""
    if (folder / "model.safetensors").exists():
        with safe_open(folder / "model.safetensors", framework="numpy") as file:
            return {name: file.get_tensor(name) for name in file.keys() if not name.startswith("text_")}  # noqa: SIM118
    if (folder / "flax_model.msgpack").exists():
        tree = serialization.msgpack_restore((folder / "flax_model.msgpack").read_bytes())
        return dict(_flax_tensors(tree.get("params", tree), ()))
    raise UserError(f"{folder} has no weights: expected model.safetensors or flax_model.msgpack")


def _flax_tensors(tree: Mapping[str, Any], path: tuple[str, ...]):
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from _flax_tensors(value, (*path, name))
            continue
        value = np.asarray(value)
        if name == "kernel":
            # [row, column, channel, out] of the patches, [in, out] of the others.
            value = value.transpose(3, 2, 0, 1) if value.ndim == 4 else value.T
        kind = {"kernel": "weight", "scale": "weight", "embedding": "weight"}.get(name, name)
        yield ".".join((*path, kind)), value
