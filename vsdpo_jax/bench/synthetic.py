"""Models with random weights and batches with random tokens, in any size: what speed is measured on.

Only shapes matter to speed, so nothing is read from disk. The batches go through the same functions as real ones: their
pieces, positions, image patches and padding are made as `pack.py` makes them.
"""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from vsdpo_jax.data.chat import Chat, Piece, stack_pieces
from vsdpo_jax.data.images import ImageProcessor, ProcessedImage, pack_images
from vsdpo_jax.model.config import Qwen3VLConfig, TextConfig, VisionConfig
from vsdpo_jax.model.inputs import ImagePatches, Sequence
from vsdpo_jax.model.qwen3vl import Qwen3VL, split_abstract
from vsdpo_jax.pack import PackedBatch
from vsdpo_jax.sharding import shardings

SPECIAL = {"image_token_id": 1, "video_token_id": 2, "vision_start_token_id": 3, "vision_end_token_id": 4}
FIRST_PLAIN_ID = 8
UNITS = {"bos_token_id": None, "eos_token_id": None, "tie_word_embeddings": True, **SPECIAL}


@dataclasses.dataclass(frozen=True)
class Shape:
    """The sizes of one batch, padding included.

    Attributes:
      prompts, branches: N and G.
      prefix: P, tokens of the longest prompt, its image included.
      header: B, tokens between prompt and response.
      response: R, of every response.
      feedback: F, tokens of the longest feedback turn, its image and the header included.
      image: width and height in pixels of every image (one in the prompt, one in the feedback), or None: text only.
      spread: share by which prompts and feedback turns are shorter than the longest, evenly spread from 0 to this.
    """

    prompts: int
    branches: int
    prefix: int
    header: int
    response: int
    feedback: int
    image: tuple[int, int] | None = None
    spread: float = 0.0


def model_config(text: dict, vision: dict | None = None, **fields) -> Qwen3VLConfig:
    """A config from the fields that matter; the vision tower is as small as one can be unless it is given."""
    smallest = {
        "depth": 1,
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_heads": 2,
        "num_position_embeddings": 4,
        "deepstack_visual_indexes": (),
    }
    width = text["hidden_size"]
    return Qwen3VLConfig(
        text=TextConfig(**text), vision=VisionConfig(**(vision or smallest), out_hidden_size=width), **UNITS | fields
    )


def random_model(config: Qwen3VLConfig, *, mesh=None, **options) -> tuple[nnx.GraphDef, nnx.State]:
    """(graph, parameters) of a model with fresh weights, made on the device, or in their places on a mesh.

    `options` are those of `Qwen3VL`.
    """
    graphdef, abstract = split_abstract(config, **options)
    places = None if mesh is None else shardings(mesh, abstract)
    make = jax.jit(lambda: nnx.state(Qwen3VL(config, rngs=nnx.Rngs(0), **options), nnx.Param), out_shardings=places)
    return graphdef, make()


def length(longest: int, spread: float, index: int, count: int) -> int:
    """Tokens of the `index`-th of `count` texts, the first of which is the longest."""
    return round(longest * (1 - spread * index / max(1, count - 1)))


@dataclasses.dataclass(frozen=True)
class Source:
    """Makes the pieces of one shape for one model."""

    config: Qwen3VLConfig
    shape: Shape
    rng: np.random.Generator

    @property
    def tokens_per_image(self) -> int:
        return 0 if self.shape.image is None else self.picture().patches.shape[0] // self.config.vision.merge_unit

    def picture(self) -> ProcessedImage:
        width, height = self.shape.image
        pixels = self.rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        return ImageProcessor(min_pixels=1024, max_pixels=width * height).process(pixels)

    def text(self, count: int, start: int) -> Piece:
        ids = self.rng.integers(FIRST_PLAIN_ID, self.config.text.vocab_size, count)
        return Chat(None, self.config, 0).sampled(ids, start=start)

    def turn(self, count: int, start: int, slot: int) -> Piece:
        """`count` tokens in all: an image if the shape has images, then text."""
        if self.shape.image is None:
            return self.text(count, start)
        chat = Chat(None, self.config, self.tokens_per_image)
        shown = chat.image(self.picture().grid, slot=slot, start=start)
        if len(shown) >= count:
            raise ValueError(f"an image takes {len(shown)} of the {count} tokens of its turn")
        return shown + self.text(count - len(shown), shown.next_position)

    def prefixes(self) -> list[Piece]:
        shape, n = self.shape, self.shape.prompts
        return [self.turn(length(shape.prefix, shape.spread, i, n), 0, slot=0) for i in range(n)]

    def images(self, slots: int) -> ImagePatches | None:
        if self.shape.image is None:
            return None
        rows = [[self.picture() for _ in range(slots)] for _ in range(self.shape.prompts)]
        patches = self.tokens_per_image * self.config.vision.merge_unit
        return pack_images(rows, slots=slots, patches=patches, config=self.config.vision)


def prompts(config: Qwen3VLConfig, shape: Shape, *, seed: int = 0) -> tuple[Sequence, ImagePatches | None]:
    """What the sampler reads: [N, 1, P + B] with the header, and the prompt images (None: text only)."""
    source = Source(config, shape, np.random.default_rng(seed))
    pieces = [[piece + source.text(shape.header, piece.next_position)] for piece in source.prefixes()]
    return stack_pieces(pieces, shape.prefix + shape.header, align="left"), source.images(1)


def batch(config: Qwen3VLConfig, shape: Shape, *, seed: int = 0) -> PackedBatch:
    """A batch of rollouts that all have feedback, weights above 1 on some tokens, and advantages."""
    rng = np.random.default_rng(seed)
    source = Source(config, shape, rng)
    prefixes, g, r = source.prefixes(), shape.branches, shape.response
    headers, turns = [], []
    for n, prefix in enumerate(prefixes):
        headers.append([source.text(shape.header, prefix.next_position)] * g)
        size = length(shape.feedback, shape.spread, n, len(prefixes))
        turns.append([source.turn(size, prefix.next_position, slot=1 + i) for i in range(g)])
    responses = [[source.text(r, header.next_position) for header in row] for row in headers]

    def continuation(before, length):
        after = [
            [Chat(None, config, 0).sampled(response.ids, start=piece.next_position) for piece, response in pairs]
            for pairs in (zip(*rows, strict=True) for rows in zip(before, responses, strict=True))
        ]
        parts = stack_pieces(before, length, align="right"), stack_pieces(after, r, align="left")
        return jax.tree.map(lambda *arrays: np.concatenate(arrays, axis=-1), *parts)

    student = continuation(headers, shape.header)
    rows = (shape.prompts, g)
    return PackedBatch(
        images=source.images(1 + g),
        prefix=stack_pieces([[piece] for piece in prefixes], shape.prefix, align="left"),
        student=student,
        teacher=continuation(turns, shape.feedback),
        targets_ngr=student.tokens[..., -r:],
        response_ngr=np.ones((*rows, r), bool),
        distil_ng=np.ones(rows, bool),
        policy_ng=np.ones(rows, bool),
        weights_ngr=1 + 3 * (rng.random((*rows, r)) < 0.1).astype(np.float32),
        sampler_logp_ngr=np.full((*rows, r), -np.log(config.text.vocab_size), np.float32),
        advantages_ng=rng.standard_normal(rows, np.float32),
    )


def to_device(tree):
    """NumPy arrays to the default device, other leaves as they are."""
    return jax.tree.map(jnp.asarray, tree)
