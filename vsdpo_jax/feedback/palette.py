"""Colors of series that people with a color vision deficiency cannot tell apart; checked only where asked for."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from vsdpo_jax.feedback.color import Color, linear
from vsdpo_jax.feedback.defect import MARKS, make_defect
from vsdpo_jax.feedback.thresholds import Thresholds
from vsdpo_jax.feedback.words import name_of
from vsdpo_jax.types import Defect, Scene

# Machado, Oliveira and Fernandes 2009, severity 1.0, on linear RGB.
_DEFICIENCIES = {
    "protanopia": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deuteranopia": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "tritanopia": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
}
# Linear sRGB to XYZ, over the white point D65.
_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
_WHITE = _XYZ.sum(axis=1)


def lab(rgb: np.ndarray) -> np.ndarray:
    """CIELAB of linear RGB in 0–1."""
    ratio = _XYZ @ np.clip(rgb, 0, 1) / _WHITE
    root = np.where(ratio > 216 / 24389, np.cbrt(ratio), (24389 / 27 * ratio + 16) / 116)
    return np.array([116 * root[1] - 16, 500 * (root[0] - root[1]), 200 * (root[1] - root[2])])


def seen_distance(first: Color, second: Color, deficiency: str) -> float:
    """CIELAB distance (1976) of two sRGB colors as people with `deficiency` see them; empty for normal vision."""
    matrix = np.array(_DEFICIENCIES[deficiency]) if deficiency else np.eye(3)
    return float(np.linalg.norm(lab(matrix @ linear(first)) - lab(matrix @ linear(second))))


def confusable(scene: Scene, thresholds: Thresholds) -> Iterator[Defect]:
    """Pairs of series whose colors differ for most people and are alike for some. `thresholds.color_blind` 0: none."""
    if not thresholds.color_blind:
        return
    series: dict[tuple[str, Color], list[int]] = {}
    for index, element in enumerate(scene.elements):
        if element.kind in MARKS and element.color is not None:
            series.setdefault((element.group, element.color), []).append(index)
    for ((_, first), some), ((_, second), others) in itertools.combinations(series.items(), 2):
        if seen_distance(first, second, "") < thresholds.color_blind:
            # Nobody is meant to tell these apart.
            continue
        alike = [name for name in _DEFICIENCIES if seen_distance(first, second, name) < thresholds.color_blind]
        if alike:
            names = f"{name_of([scene.elements[some[0]]])} and {name_of([scene.elements[others[0]]])}"
            message = f"two colors of {names} look the same with {' or '.join(alike)}"
            yield make_defect("low_contrast", message, scene, [*some, *others])
