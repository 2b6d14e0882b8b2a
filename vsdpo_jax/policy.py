"""A model folder, opened: everything about a policy except its weights."""

from __future__ import annotations

import dataclasses
import importlib.resources
from pathlib import Path

import jax.numpy as jnp
from flax import nnx

from vsdpo_jax.data.chat import Chat
from vsdpo_jax.data.images import ImageProcessor
from vsdpo_jax.errors import UserError
from vsdpo_jax.model.config import Qwen3VLConfig
from vsdpo_jax.model.qwen3vl import Qwen3VL


@dataclasses.dataclass(frozen=True)
class Policy:
    """What goes with the parameters of one model.

    Attributes:
      folder: the Hugging Face folder that it came from.
      graphdef: of `nnx.split(model, nnx.Param)`; `nnx.merge(graphdef, params)` is the model.
      chat: conversation builder with the tokenizer.
      processor: of images.
    """

    folder: Path
    graphdef: nnx.GraphDef
    chat: Chat
    processor: ImageProcessor

    @property
    def config(self) -> Qwen3VLConfig:
        return self.chat.config

    @property
    def tokenizer(self):
        return self.chat.tokenizer


def model_folder(name: str) -> Path:
    """The path of `name`, where `assets:NAME` is a model that ships with the package.

    Raises:
      UserError: there is no such folder, or it holds no model.
    """
    if name.startswith("assets:"):
        folder = Path(str(importlib.resources.files("vsdpo_jax") / "assets" / name.removeprefix("assets:")))
    else:
        folder = Path(name).expanduser()
    if not (folder / "config.json").is_file():
        raise UserError(
            f"model folder {name!r} has no config.json: give a Hugging Face folder of a Qwen3-VL model, or assets:tiny"
        )
    return folder


def open_policy(name: str, *, tokens_per_image: int, dtype: str, remat: str) -> Policy:
    """Opens a model folder without reading its weights.

    Args:
      name: as of `model_folder`.
      tokens_per_image: M, room for the merged tokens of one image.
      dtype: compute type, for instance `bfloat16`.
      remat: what the backward pass recomputes, a key of `model.layers.REMAT_POLICIES`.

    Raises:
      UserError: the folder is missing or incomplete.
    """
    folder = model_folder(name)
    try:
        chat, processor = Chat.from_hf(folder, tokens_per_image), ImageProcessor.from_hf(folder)
    except FileNotFoundError as error:
        raise UserError(f"model folder {name!r} is incomplete: {error}") from error
    # Published processors allow images of 16,384 tokens; whatever has no room is scaled down instead of refused.
    room = tokens_per_image * (processor.patch_size * processor.merge_size) ** 2
    largest = min(processor.max_pixels, room)
    # Small images grow to whole tokens, which can be half as many again as asked for.
    smallest = processor.min_pixels if 3 * processor.min_pixels <= 2 * largest else room // 4
    processor = dataclasses.replace(processor, max_pixels=largest, min_pixels=smallest)
    model = nnx.eval_shape(lambda: Qwen3VL(chat.config, rngs=nnx.Rngs(0), dtype=jnp.dtype(dtype), remat=remat))
    return Policy(folder, nnx.split(model, nnx.Param)[0], chat, processor)
