"""r_vis of a web page or slide: how faithful it is to the reference, and how free of visual defects."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from vsdpo_jax.feedback.color import distance
from vsdpo_jax.feedback.compare import matched_texts, texts
from vsdpo_jax.reward.chart import cleanliness, soft_f1
from vsdpo_jax.types import Defect, Element, Scene

# At this distance, as a share of the canvas, a text is somewhere else entirely.
_POSITION_RANGE = 0.5
_COLOR_RANGE = 0.5
_THUMBNAIL = 32


def visual(scene: Scene, reference: Scene | None, defects: Sequence[Defect]) -> tuple[float, dict[str, float]]:
    """(r_vis, its parts), all in 0–1: the mean of text, position, color, shape and look, times cleanliness.

    `position` and `color` compare the texts that both have; `shape` the sizes of the canvases; `look` is one minus the
    mean difference of small copies of the pictures, stretched so that blank paper against print counts.
    """
    parts = {"cleanliness": cleanliness(defects)}
    if reference is None or reference.error is not None:
        return parts["cleanliness"], parts
    pairs = matched_texts(scene, reference)
    parts |= {
        "text": soft_f1(texts(scene), texts(reference)),
        "position": _mean([_position(scene, reference, *pair) for pair in pairs]),
        "color": _mean([_color(*pair) for pair in pairs]),
        "shape": min(scene.height, reference.height) / max(scene.height, reference.height),
        "look": _look(scene, reference),
    }
    fidelity = sum(value for name, value in parts.items() if name != "cleanliness") / 5
    return fidelity * parts["cleanliness"], parts


def _position(scene: Scene, reference: Scene, found: Element, wanted: Element) -> float:
    first = np.array(found.box[:2]) / (scene.width, scene.height)
    second = np.array(wanted.box[:2]) / (reference.width, reference.height)
    return max(0.0, 1 - float(np.abs(first - second).max()) / _POSITION_RANGE)


def _color(found: Element, wanted: Element) -> float:
    if found.color is None or wanted.color is None:
        return float(found.color == wanted.color)
    return max(0.0, 1 - distance(found.color, wanted.color) / _COLOR_RANGE)


def _look(scene: Scene, reference: Scene) -> float:
    small = [
        np.asarray(Image.fromarray(side.image).resize((_THUMBNAIL, _THUMBNAIL), Image.Resampling.BOX), float)
        for side in (scene, reference)
    ]
    return max(0.0, 1 - 3 * float(np.abs(small[0] - small[1]).mean()) / 255)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
