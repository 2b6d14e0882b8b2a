"""r_vis of a chart: how faithful it is to the reference, and how free of visual defects."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Collection, Hashable, Mapping, Sequence

from vsdpo_jax.feedback.color import Color, distance
from vsdpo_jax.feedback.compare import mark_colors, mark_types, texts
from vsdpo_jax.types import Defect, Scene

# Differences from the reference lower `fidelity`; counting them as defects too would punish them twice.
_AGAINST_REFERENCE = ("missing_text", "extra_text", "wrong_text", "wrong_type", "wrong_color", "wrong_layout")
_COLOR_RANGE = 0.5  # RGB distance from which two colors have nothing in common.
_SIMILAR = 0.6  # Below this ratio two texts share letters by chance.


def visual(scene: Scene, reference: Scene | None, defects: Sequence[Defect]) -> tuple[float, dict[str, float]]:
    """(r_vis, its parts), all in 0–1: the mean of type, color, text and layout, times cleanliness.

    Without a reference only cleanliness counts.
    """
    parts = {"cleanliness": cleanliness(defects)}
    if reference is None or reference.error is not None:
        return parts["cleanliness"], parts
    parts |= {
        "type": f1(Counter(mark_types(scene).keys()), Counter(mark_types(reference).keys())),
        "color": _color(list(mark_colors(scene)), list(mark_colors(reference))),
        "text": soft_f1(texts(scene), texts(reference)),
        "layout": f1(_panels(scene), _panels(reference)),
    }
    fidelity = sum(parts[name] for name in ("type", "color", "text", "layout")) / 4
    return fidelity * parts["cleanliness"], parts


def cleanliness(defects: Sequence[Defect]) -> float:
    """1 / (1 + the summed severity of the visual defects / 2): one defect costs a third, two cost half.

    An empty render has none.
    """
    if any(defect.kind == "empty_render" for defect in defects):
        return 0.0
    return 1 / (1 + sum(defect.severity for defect in defects if defect.kind not in _AGAINST_REFERENCE) / 2)


def f1(found: Counter, wanted: Counter) -> float:
    """F1 of two multisets; 1 if both are empty."""
    if not found and not wanted:
        return 1.0
    return 2 * (found & wanted).total() / (found.total() + wanted.total())


def soft_f1(found: Mapping[str, Counter[str]], wanted: Mapping[str, Counter[str]]) -> float:
    """F1 of texts, kind by kind, where an almost right text counts by its share of right letters."""
    total = sum(counter.total() for counter in (*found.values(), *wanted.values()))
    return 2 * sum(_matched(found[kind], wanted[kind]) for kind in found) / total if total else 1.0


def _matched(found: Counter[str], wanted: Counter[str]) -> float:
    same = found & wanted
    value = float(same.total())
    left, right = list((found - same).elements()), list((wanted - same).elements())
    while left and right:
        ratio, first, second = max((difflib.SequenceMatcher(None, a, b).ratio(), a, b) for a in left for b in right)
        if ratio < _SIMILAR:
            break
        value += ratio
        left.remove(first)
        right.remove(second)
    return value


def _color(found: Collection[Color], wanted: Collection[Color]) -> float:
    """Mean similarity of each color to its nearest on the other side; 1 if there are none on both."""
    if not found or not wanted:
        return float(not found and not wanted)
    nearest = [min(distance(a, b) for b in wanted) for a in found] + [
        min(distance(a, b) for b in found) for a in wanted
    ]
    return sum(max(0.0, 1 - d / _COLOR_RANGE) for d in nearest) / len(nearest)


def _panels(scene: Scene) -> Counter[Hashable]:
    return Counter(element.kind for element in scene.elements if element.kind in ("axes", "legend"))
