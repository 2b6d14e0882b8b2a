"""Contrast as WCAG 2.2 defines it, on the pixels that are really behind a text."""

from __future__ import annotations

import numpy as np
from matplotlib.colors import CSS4_COLORS, to_hex

from vsdpo_jax.types import Element, Scene

Color = tuple[float, float, float]
# "gray" and "cyan", not "grey" and "aqua": the last of the names that a color has, but for the grays.
_NAMES = {code.lower(): name for name, code in CSS4_COLORS.items() if "grey" not in name}


def luminance(color: Color) -> float:
    """WCAG relative luminance of an sRGB color with components in 0–1."""
    return float(linear(color) @ (0.2126, 0.7152, 0.0722))


def linear(color: Color) -> np.ndarray:
    """Linear RGB of an sRGB color, both with components in 0–1."""
    channels = np.asarray(color, float)
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def contrast_ratio(first: Color, second: Color) -> float:
    """WCAG contrast ratio, 1–21."""
    lighter, darker = sorted((luminance(first), luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def background_of(scene: Scene, element: Element) -> Color:
    """The most frequent color in the element's box, its own excepted: what the eye sees behind a text.

    Falls back to the renderer's `Element.background`, then to white, where the box shows no other color.
    """
    left, top, right, bottom = (round(edge) for edge in element.box)
    box = scene.image[max(0, top) : bottom, max(0, left) : right].reshape(-1, 3)
    declared = element.background or (1.0, 1.0, 1.0)
    if not len(box):
        return declared
    levels = box.astype(np.int32) // 8
    keys, counts = np.unique(levels[:, 0] << 10 | levels[:, 1] << 5 | levels[:, 2], return_counts=True)
    own = np.round(np.asarray(element.color) * 255).astype(int) // 8 if element.color is not None else None
    for key in keys[np.argsort(-counts)]:
        level = np.array([key >> 10, key >> 5 & 31, key & 31])
        if own is None or np.abs(level - own).max() > 1:
            return tuple(float(value) for value in np.minimum(level * 8 + 7, 255) / 255)
    return declared


def color_name(color: Color) -> str:
    """The CSS name of an sRGB color with components in 0–1, else its `#rrggbb`."""
    code = to_hex(np.clip(color, 0, 1))
    return _NAMES.get(code, code)


def distance(first: Color, second: Color) -> float:
    """Euclidean distance of RGB components in 0–1."""
    return float(np.linalg.norm(np.subtract(first, second)))
