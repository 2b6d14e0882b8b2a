"""r_vis of a chart: how faithful it is to the reference, and how free of visual defects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Hashable, Sequence

from vsdpo_jax.feedback.color import Color, distance
from vsdpo_jax.feedback.compare import mark_colors, mark_types, texts
from vsdpo_jax.types import Defect, Scene

# Differences from the reference lower `fidelity`; counting them as defects too would punish them twice.
_AGAINST_REFERENCE = ("missing_text", "extra_text", "wrong_text", "wrong_type", "wrong_color", "wrong_layout")
_COLOR_RANGE = 0.5  # RGB distance from which two colors have nothing in common.


def visual(
    scene: Scene, reference: Scene | None, defects: Sequence[Defect]
) -> tuple[float, dict[str, float]]:
    """(r_vis, its parts), all in 0–1: the mean of type, color, text and layout, times cleanliness.

    `cleanliness` is 1 / (1 + the summed severity of the visual defects / 2): one defect costs a third, two cost
    half. Without a reference only cleanliness counts.
    """
    severity = sum(defect.severity for defect in defects if defect.kind not in _AGAINST_REFERENCE)
    parts = {"cleanliness": 1 / (1 + severity / 2)}
    if reference is None or reference.error is not None:
        return parts["cleanliness"], parts
    parts |= {
        "type": f1(Counter(mark_types(scene).keys()), Counter(mark_types(reference).keys())),
        "color": _color(list(mark_colors(scene)), list(mark_colors(reference))),
        "text": f1(_all_texts(scene), _all_texts(reference)),
        "layout": f1(_panels(scene), _panels(reference)),
    }
    fidelity = sum(parts[name] for name in ("type", "color", "text", "layout")) / 4
    return fidelity * parts["cleanliness"], parts


def f1(found: Counter, wanted: Counter) -> float:
    """F1 of two multisets; 1 if both are empty."""
    if not found and not wanted:
        return 1.0
    return 2 * (found & wanted).total() / (found.total() + wanted.total())


def _color(found: Collection[Color], wanted: Collection[Color]) -> float:
    """Mean similarity of each color to its nearest on the other side; 1 if there are none on both."""
    if not found or not wanted:
        return float(not found and not wanted)
    nearest = [min(distance(a, b) for b in wanted) for a in found] + [min(distance(a, b) for b in found) for a in wanted]
    return sum(max(0.0, 1 - d / _COLOR_RANGE) for d in nearest) / len(nearest)


def _all_texts(scene: Scene) -> Counter[Hashable]:
    return Counter({(kind, word): count for kind, words in texts(scene).items() for word, count in words.items()})


def _panels(scene: Scene) -> Counter[Hashable]:
    return Counter(element.kind for element in scene.elements if element.kind in ("axes", "legend"))
