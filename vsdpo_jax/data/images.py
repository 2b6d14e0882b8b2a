"""Images to patches on the host, exactly as Hugging Face's `Qwen2VLImageProcessorPil` does for Qwen3-VL.

Everything that depends on an image's size is computed here as arrays, so that the device graph never does.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import math
import pathlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image

from vsdpo_jax.model.config import VisionConfig
from vsdpo_jax.model.inputs import ImagePatches

Grid = tuple[int, int, int]


class ProcessedImage(NamedTuple):
    """patches float32[t * h * w, C] in merge order, and the grid (t, h, w) counted in patches."""

    patches: np.ndarray
    grid: Grid


@dataclasses.dataclass(frozen=True)
class ImageProcessor:
    """Resizes, normalises and cuts an image into patches.

    Attributes:
      min_pixels, max_pixels: bounds of the area after resizing.
      mean, std: per channel, after scaling by `rescale_factor`.
      resample: a Pillow resampling filter.
    """

    patch_size: int = 16
    temporal_patch_size: int = 2
    merge_size: int = 2
    min_pixels: int = 65536
    max_pixels: int = 16777216
    mean: tuple[float, ...] = (0.5, 0.5, 0.5)
    std: tuple[float, ...] = (0.5, 0.5, 0.5)
    rescale_factor: float = 1 / 255
    resample: int = Image.Resampling.BICUBIC

    @classmethod
    def from_hf(cls, folder: str | pathlib.Path) -> ImageProcessor:
        """Reads `preprocessor_config.json`, or the image part of `processor_config.json`.

        Raises:
          FileNotFoundError: the folder has neither.
        """
        folder = pathlib.Path(folder)
        old, new = folder / "preprocessor_config.json", folder / "processor_config.json"
        if old.is_file():
            raw = json.loads(old.read_text())
        elif new.is_file():
            raw = json.loads(new.read_text())["image_processor"]
        else:
            raise FileNotFoundError(f"no image processor in {folder}: expected {old.name} or {new.name}")
        size = raw.get("size") or {}
        return cls(
            patch_size=raw["patch_size"],
            temporal_patch_size=raw["temporal_patch_size"],
            merge_size=raw["merge_size"],
            min_pixels=raw.get("min_pixels") or size["shortest_edge"],
            max_pixels=raw.get("max_pixels") or size["longest_edge"],
            mean=tuple(raw["image_mean"]),
            std=tuple(raw["image_std"]),
            rescale_factor=raw.get("rescale_factor", 1 / 255),
            resample=raw.get("resample", Image.Resampling.BICUBIC),
        )

    def to_hf(self) -> dict:
        """The contents of a `preprocessor_config.json`."""
        return {
            "image_processor_type": "Qwen2VLImageProcessorFast",
            "processor_class": "Qwen3VLProcessor",
            "patch_size": self.patch_size,
            "temporal_patch_size": self.temporal_patch_size,
            "merge_size": self.merge_size,
            "size": {"shortest_edge": self.min_pixels, "longest_edge": self.max_pixels},
            "image_mean": list(self.mean),
            "image_std": list(self.std),
            "rescale_factor": self.rescale_factor,
            "resample": int(self.resample),
            "do_resize": True,
            "do_rescale": True,
            "do_normalize": True,
            "do_convert_rgb": True,
        }

    def grid(self, height: int, width: int) -> Grid:
        """The patch grid of an image of this size."""
        new_height, new_width = self.resized(height, width)
        return 1, new_height // self.patch_size, new_width // self.patch_size

    def resized(self, height: int, width: int) -> tuple[int, int]:
        """The size nearest to the original that whole merged tokens fill and that respects the pixel bounds.

        Raises:
          ValueError: one side is more than 200 times the other.
        """
        if max(height, width) > 200 * min(height, width):
            raise ValueError(f"an image of {width}x{height} pixels is too elongated: its sides differ over 200-fold")
        factor = self.patch_size * self.merge_size
        new_height, new_width = round(height / factor) * factor, round(width / factor) * factor
        if new_height * new_width > self.max_pixels:
            shrink = math.sqrt(height * width / self.max_pixels)
            new_height = max(factor, math.floor(height / shrink / factor) * factor)
            new_width = max(factor, math.floor(width / shrink / factor) * factor)
        elif new_height * new_width < self.min_pixels:
            grow = math.sqrt(self.min_pixels / (height * width))
            new_height = math.ceil(height * grow / factor) * factor
            new_width = math.ceil(width * grow / factor) * factor
        return new_height, new_width

    def process(self, image: np.ndarray | Image.Image) -> ProcessedImage:
        """A uint8 array [h, w], [h, w, 3] or [h, w, 4], or a Pillow image, to patches.

        Transparency is put on white, as everywhere in this family of processors.
        """
        picture = as_rgb(image)
        height, width = self.resized(picture.height, picture.width)
        pixels = np.asarray(picture.resize((width, height), resample=self.resample))
        # Products in float64 and quotients in float32 are what the reference does; other orders differ in the last bit.
        scaled = (pixels.astype(np.float64) * self.rescale_factor).astype(np.float32)
        normal = (scaled - np.asarray(self.mean, np.float32)) / np.asarray(self.std, np.float32)
        return ProcessedImage(self._patches(normal), (1, height // self.patch_size, width // self.patch_size))

    def _patches(self, pixels: np.ndarray) -> np.ndarray:
        m, p = self.merge_size, self.patch_size
        height, width, channels = pixels.shape
        blocks = pixels.reshape(height // (m * p), m, p, width // (m * p), m, p, channels)
        # To [block row, block column, row in block, column in block, channel, y, x].
        blocks = blocks.transpose(0, 3, 1, 4, 6, 2, 5)
        frames = np.broadcast_to(
            blocks[:, :, :, :, :, None], (*blocks.shape[:5], self.temporal_patch_size, *blocks.shape[5:])
        )
        return np.ascontiguousarray(frames.reshape(height * width // p**2, -1))


def as_rgb(image: np.ndarray | Image.Image) -> Image.Image:
    """An RGB Pillow image; transparency is composed onto white."""
    if isinstance(image, np.ndarray):
        image = Image.fromarray(image)
    if "A" in image.getbands() or image.info.get("transparency") is not None:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, (255, 255, 255, 255))
        image = Image.alpha_composite(white, image)
    return image.convert("RGB")


def pack_images(
    images: Sequence[Sequence[ProcessedImage | None]], *, slots: int, patches: int, config: VisionConfig
) -> ImagePatches:
    """Pads the images of N prompts to fixed shapes, with everything that depends on their size.

    Args:
      images: for each prompt, its images in slot order; None leaves a slot empty.
      slots: I, images per prompt.
      patches: S, patches per image, a multiple of `config.merge_unit`.
      config: of the vision tower.

    Raises:
      ValueError: a prompt has more than `slots` images, or an image more than `patches` patches.
    """
    if patches % config.merge_unit:
        raise ValueError(f"{patches} patches per image is not a multiple of {config.merge_unit}")
    shape = (len(images), slots, patches)
    packed = ImagePatches(
        patches=np.zeros((*shape, config.patch_dim), np.float32),
        valid=np.zeros(shape, bool),
        position_index=np.zeros((*shape, 4), np.int32),
        position_weight=np.zeros((*shape, 4), np.float32),
        rotary=np.zeros((*shape, 2), np.int32),
    )
    for n, row in enumerate(images):
        if len(row) > slots:
            raise ValueError(f"prompt {n} has {len(row)} images, but there are {slots} image slots")
        for i, image in enumerate(row):
            if image is not None:
                _place(packed, n, i, image, config)
    return packed


def _place(packed: ImagePatches, n: int, i: int, image: ProcessedImage, config: VisionConfig) -> None:
    size, room = len(image.patches), packed.valid.shape[2]
    if size > room:
        raise ValueError(f"an image of {size} patches does not fit into {room}: lower max_pixels or raise the limit")
    rotary = patch_positions(image.grid, config.spatial_merge_size)
    index, weight = interpolation(image.grid, config.spatial_merge_size, config.grid_side)
    packed.patches[n, i, :size] = image.patches
    packed.valid[n, i, :size] = True
    packed.rotary[n, i, :size] = rotary
    packed.position_index[n, i, :size] = index
    packed.position_weight[n, i, :size] = weight


@functools.lru_cache(maxsize=1024)
def patch_positions(grid: Grid, merge: int) -> np.ndarray:
    """int32[t * h * w, 2], row and column of each patch in merge order."""
    t, h, w = grid
    rows, columns = np.meshgrid(np.arange(h), np.arange(w), indexing="ij")
    order = lambda x: x.reshape(h // merge, merge, w // merge, merge).swapaxes(1, 2).reshape(-1)  # noqa: E731
    return np.tile(np.stack([order(rows), order(columns)], -1), (t, 1)).astype(np.int32)


@functools.lru_cache(maxsize=1024)
def interpolation(grid: Grid, merge: int, side: int) -> tuple[np.ndarray, np.ndarray]:
    """int32[t * h * w, 4] rows of the learned table and float32[t * h * w, 4] weights (bilinear, corners aligned)."""
    positions = patch_positions(grid, merge)
    (row_tap, row_weight), (column_tap, column_weight) = (
        _taps(positions[:, axis], size, side) for axis, size in enumerate(grid[1:])
    )
    index = row_tap[:, :, None] * side + column_tap[:, None, :]
    weight = row_weight[:, :, None] * column_weight[:, None, :]
    return index.reshape(-1, 4).astype(np.int32), weight.reshape(-1, 4)


def _taps(position: np.ndarray, size: int, side: int) -> tuple[np.ndarray, np.ndarray]:
    source = position.astype(np.float32) * np.float32(side - 1) / np.float32(max(size - 1, 1))
    lower = np.floor(source)
    tap = np.clip(lower[:, None].astype(np.int64) + np.arange(2), 0, side - 1)
    distance = np.abs(source[:, None] - lower[:, None] - np.arange(2, dtype=np.float32))
    return tap, np.maximum(1 - distance, 0).astype(np.float32)
