"""How alike two pages look apart from their texts: Design2Code's CLIP score.

The texts' boxes are painted over with what is around them (Telea's method, radius 3), the picture is made square with
the shorter side, and the cosine of the CLIP embeddings is the score.
"""

from __future__ import annotations

import pathlib
import threading
from collections.abc import Sequence

import jax
import numpy as np
from flax import nnx
from PIL import Image

from vsdpo_jax.errors import UserError
from vsdpo_jax.model import clip
from vsdpo_jax.reward.text_blocks import TextBlock, join_same_boxes

_RADIUS = 3


class PageSimilarity:
    """CLIP similarity of pages. Thread-safe; the embedding of a reference is kept."""

    def __init__(self, model: clip.ClipVision):
        self._size = model.config.image_size
        definition, state = nnx.split(model)
        self._embed = jax.jit(lambda pixels: nnx.merge(definition, state)(pixels))
        self._lock = threading.Lock()
        self._kept: dict[int, tuple[np.ndarray, np.ndarray]] = {}

    def __call__(
        self,
        found: np.ndarray,
        found_blocks: Sequence[TextBlock],
        wanted: np.ndarray,
        wanted_blocks: Sequence[TextBlock],
    ) -> float:
        """Cosine of the embeddings of a prediction and its reference.

        Args:
          found, wanted: uint8[height, width, 3].
          found_blocks, wanted_blocks: their texts, before any merging but that of same boxes.
        """
        return float(self._embedding(found, found_blocks) @ self._reference(wanted, wanted_blocks))

    def _reference(self, image: np.ndarray, blocks: Sequence[TextBlock]) -> np.ndarray:
        with self._lock:
            known = self._kept.get(id(image))
        if known is not None:
            return known[1]
        embedding = self._embedding(image, blocks)
        with self._lock:
            # The picture is kept as well, so that no other gets its id.
            self._kept[id(image)] = image, embedding
        return embedding

    def _embedding(self, image: np.ndarray, blocks: Sequence[TextBlock]) -> np.ndarray:
        pixels = clip.prepare(without_texts(image, blocks), self._size)
        return np.asarray(self._embed(pixels[None]))[0]


def open_similarity(folder: str) -> PageSimilarity:
    """CLIP from a Hugging Face folder; raises UserError if it is none or OpenCV is missing."""
    if not pathlib.Path(folder).is_dir():
        raise UserError(f"clip={folder} is not a folder: give a copy of openai/clip-vit-base-patch32")
    _opencv()
    return PageSimilarity(clip.load(folder))


def without_texts(image: np.ndarray, blocks: Sequence[TextBlock]) -> Image.Image:
    """The page with its texts painted over, square."""
    height, width = image.shape[:2]
    if blocks:
        mask = np.zeros((height, width), np.uint8)
        for block in join_same_boxes(blocks):
            left, top = int(block.box[0] * width), int(block.box[1] * height)
            across, down = int(block.box[2] * width), int(block.box[3] * height)
            mask[top : top + down, left : left + across] = 255
        opencv = _opencv()
        image = opencv.inpaint(np.ascontiguousarray(image), mask, _RADIUS, opencv.INPAINT_TELEA)
    side = min(width, height)
    return Image.fromarray(image).resize((side, side), Image.Resampling.LANCZOS)


def _opencv():
    try:
        import cv2
    except ImportError as error:
        raise UserError("CLIP needs OpenCV to paint over texts: pip install opencv-python-headless") from error
    return cv2
