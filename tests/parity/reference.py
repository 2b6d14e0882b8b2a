"""Hugging Face's Qwen3-VL at random tiny configs, and batches for it and for ours."""

from __future__ import annotations

import dataclasses
import functools
import tempfile

import jax.numpy as jnp
import numpy as np
import torch
import transformers
from flax import nnx

from vsdpo_jax.data.chat import Chat, Piece, stack_pieces
from vsdpo_jax.data.images import ImageProcessor, pack_images
from vsdpo_jax.model import weights
from vsdpo_jax.model.config import Qwen3VLConfig, TextConfig, VisionConfig
from vsdpo_jax.model.inputs import ImagePatches, Sequence
from vsdpo_jax.model.qwen3vl import split_abstract

transformers.utils.logging.disable_progress_bar()

IMAGE, VIDEO, VISION_START, VISION_END = 120, 121, 122, 123
PROCESSOR = ImageProcessor(min_pixels=32 * 32, max_pixels=256 * 256)
TOKENS_PER_IMAGE = 64


def tiny_config(text=None, vision=None, **top) -> Qwen3VLConfig:
    """A config of a few ten thousand parameters; arguments replace fields."""
    text_fields = {
        "vocab_size": 128,
        "hidden_size": 48,
        "intermediate_size": 80,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 16,
        "mrope_section": (4, 2, 2),
        "max_position_embeddings": 2048,
    }
    vision_fields = {
        "depth": 4,
        "hidden_size": 32,
        "intermediate_size": 56,
        "num_heads": 4,
        "num_position_embeddings": 64,
        "deepstack_visual_indexes": (0, 2),
    }
    text_fields |= text or {}
    vision_fields |= {"out_hidden_size": text_fields["hidden_size"]} | (vision or {})
    special = {
        "image_token_id": IMAGE,
        "video_token_id": VIDEO,
        "vision_start_token_id": VISION_START,
        "vision_end_token_id": VISION_END,
        "eos_token_id": None,
        "bos_token_id": None,
    }
    fields = {"tie_word_embeddings": True} | special | top
    return Qwen3VLConfig(text=TextConfig(**text_fields), vision=VisionConfig(**vision_fields), **fields)


@dataclasses.dataclass(frozen=True)
class Pair:
    """The same weights in both implementations."""

    config: Qwen3VLConfig
    theirs: torch.nn.Module
    graphdef: nnx.GraphDef
    params: nnx.State
    folder: str

    def model(self, params):
        return nnx.merge(self.graphdef, params)


@functools.cache
def make_pair(config: Qwen3VLConfig, seed: int = 0) -> Pair:
    """A random model, every parameter away from its initial value so that none can be forgotten unseen."""
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    theirs = transformers.Qwen3VLForConditionalGeneration(transformers.Qwen3VLConfig(**config.to_hf())).float().eval()
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    folder = tempfile.mkdtemp()
    theirs.save_pretrained(folder)
    loaded, params = weights.load(folder)
    assert loaded == config
    graphdef, _ = split_abstract(config, dtype=jnp.float32, remat="none")
    return Pair(config, theirs, graphdef, params, folder)


@dataclasses.dataclass(frozen=True)
class Batch:
    """Rows of one batch for both: ours, and keyword arguments for theirs."""

    sequence: Sequence
    images: ImagePatches | None
    theirs: dict
    pieces: list[Piece]


def make_batch(config: Qwen3VLConfig, rows: list[list], *, length=None, align="left", seed=0) -> Batch:
    """A batch of rows; in a row an int is that many random text tokens, a (height, width) a random image."""
    rng = np.random.default_rng(seed)
    chat = Chat(None, config, TOKENS_PER_IMAGE)
    pieces, images = [], []
    for row in rows:
        piece, row_images = None, []
        for part in row:
            start = piece.next_position if piece else 0
            if isinstance(part, int):
                added = chat.sampled(rng.integers(0, IMAGE, part), start=start)
            else:
                pixels = rng.integers(0, 256, (*part, 3), dtype=np.uint8)
                row_images.append(PROCESSOR.process(pixels))
                added = chat.image(row_images[-1].grid, slot=len(row_images) - 1, start=start)
            piece = piece + added if piece else added
        pieces.append(piece)
        images.append(row_images)
    sequence = stack_pieces([[piece] for piece in pieces], length or max(map(len, pieces)) + 3, align=align)
    return Batch(sequence, _pack(images, config), _theirs(sequence, images), pieces)


def _pack(images, config):
    if not any(images):
        return None
    return pack_images(images, slots=max(map(len, images)), patches=4 * TOKENS_PER_IMAGE, config=config.vision)


def _theirs(sequence: Sequence, images) -> dict:
    ids = torch.tensor(sequence.tokens[:, 0]).long()
    mask = torch.tensor(sequence.valid[:, 0]).long()
    arguments = {"input_ids": ids, "attention_mask": mask, "mm_token_type_ids": ((ids == IMAGE) * mask).int()}
    flat = [image for row in images for image in row]
    if flat:
        arguments["pixel_values"] = torch.tensor(np.concatenate([image.patches for image in flat]))
        arguments["image_grid_thw"] = torch.tensor([image.grid for image in flat])
    return arguments
