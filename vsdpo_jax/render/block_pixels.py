"""Where the texts of a page are, read from three pictures of it: as it is, and with the texts in known colors, twice.

A pixel belongs to a text if it has the text's color in the first recolored picture and the color shifted by `SHIFT`
in the second: pictures, backgrounds and borders do not follow the shift (Design2Code's "OCR-free" blocks).
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from vsdpo_jax.render.block_markup import SHIFT, Rgb

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
    rows, columns = np.nonzero(close.all(axis=2))
    pixels = first[rows, columns].astype(np.int16)
    keys = pixels[:, 0].astype(np.int64) << 16 | pixels[:, 1].astype(np.int64) << 8 | pixels[:, 2]
    colors, owner = np.unique(keys, return_inverse=True)
    channels = np.stack([colors >> 16, colors >> 8 & 255, colors & 255], axis=1)
    order = np.argsort(owner, kind="stable")
    starts = np.searchsorted(owner[order], np.arange(len(colors) + 1))
    blocks: list[Block] = []
    known: dict[Rgb, tuple | None] = {}
    for text, color in texts:
        if color not in known:
            known[color] = None
            near = np.flatnonzero((np.abs(channels - color) <= _COLOR_TOLERANCE).all(axis=1)) if _usable(color) else ()
            if len(near):
                chosen = np.concatenate([order[starts[i] : starts[i + 1]] for i in near])
                known[color] = _place(original, rows[chosen], columns[chosen])
                if known[color] is None:
                    return []
        if known[color] is not None:
            box, mean = known[color]
            blocks.append((text.lower(), box, mean))
    return blocks


def _usable(color: Rgb) -> bool:
    """A range that leaves 0–255 has no pixels: its bounds wrap around in the published evaluation."""
    return all(_COLOR_TOLERANCE <= channel <= 255 - _COLOR_TOLERANCE for channel in color)


def _place(original: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> tuple[tuple, Rgb] | None:
    if rows.max() >= original.shape[0] or columns.max() >= original.shape[1]:
        return None
    red, green, blue = original[rows, columns].mean(axis=0).astype(int).tolist()
    box = (int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1)
    return box, (red, green, blue)
