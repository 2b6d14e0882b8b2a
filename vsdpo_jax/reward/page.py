"""r_vis of a web page or slide: how faithful it is to the reference, and how free of visual defects."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

import numpy as np
from PIL import Image

from vsdpo_jax.feedback.color import Color, distance
from vsdpo_jax.feedback.compare import filled_shapes, matched_texts, texts
from vsdpo_jax.reward.chart import cleanliness, soft_f1
from vsdpo_jax.types import Defect, Element, Scene

# At this distance, as a share of the canvas, a text is somewhere else entirely.
_POSITION_RANGE = 0.5
_COLOR_RANGE = 0.5
_THUMBNAIL = 32


def visual(scene: Scene, reference: Scene | None, defects: Sequence[Defect]) -> tuple[float, dict[str, float]]:
    """(r_vis, its parts), all in 0–1: the mean of text, position, color and look, times shape, times cleanliness.

    `position` and `color` compare the texts that both have; `shape` the sizes of the canvases; `look` is one minus the
    mean difference of small copies of the pictures, stretched so that blank paper against print counts.
    """
    parts = {"cleanliness": cleanliness(defects)}
    if reference is None or reference.error is not None:
        return parts["cleanliness"], parts
    pairs = matched_texts(scene, reference)
    parts |= {
        "text": soft_f1(texts(scene), texts(reference)),
        "position": fmean(_position(scene, reference, *pair) for pair in pairs) if pairs else 0.0,
        "color": _color(scene, reference, pairs),
        "shape": min(scene.height, reference.height) / max(scene.height, reference.height),
        "look": _look(scene, reference),
    }
    # The shape of a slide is given: as one part of a mean it would be a share of the reward for nothing.
    fidelity = fmean(parts[name] for name in ("text", "position", "color", "look")) * parts["shape"]
    return fidelity * parts["cleanliness"], parts


def _position(scene: Scene, reference: Scene, found: Element, wanted: Element) -> float:
    first = np.array(found.box[:2]) / (scene.width, scene.height)
    second = np.array(wanted.box[:2]) / (reference.width, reference.height)
    return max(0.0, 1 - float(np.abs(first - second).max()) / _POSITION_RANGE)


def _color(scene: Scene, reference: Scene, pairs: Sequence[tuple[Element, Element]]) -> float:
    """The mean over the palette: every combination of ink and ground counts the same, however many texts have it.

    A text is as right as the worse of its two colors. Counted by texts, a title in the wrong color would cost nothing.
    """
    shapes, wanted_shapes = filled_shapes(scene), filled_shapes(reference)
    palette: dict[tuple[Color | None, Color | None], list[float]] = {}
    for found, wanted in pairs:
        ground = shapes.get(found.group, found).background
        wanted_ground = wanted_shapes.get(wanted.group, wanted).background
        alike = min(_alike(found.color, wanted.color), _alike(ground, wanted_ground))
        palette.setdefault((wanted.color, wanted_ground), []).append(alike)
    return fmean(map(fmean, palette.values())) if palette else 0.0


def _alike(found: Color | None, wanted: Color | None) -> float:
    """1 for the same color, or where one of them is unknown, as on a picture."""
    return 1.0 if found is None or wanted is None else max(0.0, 1 - distance(found, wanted) / _COLOR_RANGE)


def _look(scene: Scene, reference: Scene) -> float:
    small = [
        np.asarray(Image.fromarray(side.image).resize((_THUMBNAIL, _THUMBNAIL), Image.Resampling.BOX), float)
        for side in (scene, reference)
    ]
    return max(0.0, 1 - 3 * float(np.abs(small[0] - small[1]).mean()) / 255)
