"""Where the texts of a page are, read from three pictures of it: as it is, and with the texts in known colors, twice.

A pixel belongs to a text if it has the text's color in the first recolored picture and the color shifted by `SHIFT`
in the second: pictures, backgrounds and borders do not follow the shift (Design2Code's "OCR-free" blocks).
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from vsdpo_jax.render.block_markup import LEVELS, SHIFT, Rgb

# How far a pixel may be from the shifted color, and from the color of its text, in each channel.
_SHIFT_TOLERANCE, _COLOR_TOLERANCE = 8, 4

Block = tuple[str, tuple[int, int, int, int], Rgb]


def read_blocks(
    original: np.ndarray, first: np.ndarray, second: np.ndarray, texts: Iterable[tuple[str, Rgb]]
) -> list[Block]:
    """The texts that can be seen, as (text in lower case, box, mean color in the original), in the given order.

    Args:
      original: uint8[height, width, 3], the page as it is.
      first, second: uint8[height, width, 3], recolored.
      texts: with their colors in `first`.

    Returns:
      Boxes are (left, top, right, bottom) in pixels, right and bottom exclusive. Empty if the recolored pictures differ
      in size, or if a text lies outside the original picture.
    """
    if first.shape != second.shape:
        return []
    shifted = first + np.uint8(SHIFT)
    # The distance is that of the numbers, not around the circle, so 250 and 2 are far apart.
    close = np.maximum(shifted, second) - np.minimum(shifted, second) <= _SHIFT_TOLERANCE
    rows, columns = np.nonzero(close[..., 0] & close[..., 1] & close[..., 2])
    pixels = first[rows, columns].astype(np.int64)
    groups = _Groups(pixels)
    blocks: list[Block] = []
    known: dict[Rgb, tuple | None] = {}
    for text, color in texts:
        if color not in known:
            chosen = groups.near(color)
            known[color] = _place(original, rows[chosen], columns[chosen]) if len(chosen) else None
            if len(chosen) and known[color] is None:
                return []
        if known[color] is not None:
            box, mean = known[color]
            blocks.append((text.lower(), box, mean))
    return blocks


class _Groups:
    """Pixels, int64[pixels, 3], by the color of the grid that each is near: at most one, for the grid is wider."""

    def __init__(self, pixels: np.ndarray):
        self._pixels = pixels
        step, low = LEVELS.step, LEVELS.start - _COLOR_TOLERANCE
        level, rest = np.divmod(pixels - low, step)
        on_grid = ((rest <= 2 * _COLOR_TOLERANCE) & (pixels >= low)).all(axis=1)
        labels = np.where(on_grid, self._label(level), -1)
        self._order = np.argsort(labels, kind="stable")
        self._labels = labels[self._order]

    def near(self, color: Rgb) -> np.ndarray:
        """Indices of the pixels within the tolerance of a color.

        A range that leaves 0–255 has none: its bounds wrap around in the published evaluation.
        """
        if not all(_COLOR_TOLERANCE <= channel <= 255 - _COLOR_TOLERANCE for channel in color):
            return np.zeros(0, np.int64)
        if all(channel in LEVELS for channel in color):
            label = self._label(np.array([LEVELS.index(channel) for channel in color]))
            first, last = np.searchsorted(self._labels, [label, label + 1])
            return self._order[first:last]
        return np.flatnonzero((np.abs(self._pixels - color) <= _COLOR_TOLERANCE).all(axis=1))

    @staticmethod
    def _label(level: np.ndarray) -> np.ndarray:
        return (level[..., 0] * len(LEVELS) + level[..., 1]) * len(LEVELS) + level[..., 2]


def _place(original: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> tuple[tuple, Rgb] | None:
    if rows.max() >= original.shape[0] or columns.max() >= original.shape[1]:
        return None
    red, green, blue = original[rows, columns].mean(axis=0).astype(int).tolist()
    box = (int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1)
    return box, (red, green, blue)
