"""Defects against a reference scene: other types of marks, other colors, other texts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from vsdpo_jax.feedback.color import Color, distance
from vsdpo_jax.feedback.defect import MARKS, make_defect
from vsdpo_jax.feedback.thresholds import Thresholds
from vsdpo_jax.feedback.words import name_of
from vsdpo_jax.types import Defect, Element, Scene

_TEXTS = {
    "title": "title",
    "axis_label": "axis label",
    "legend_text": "legend entry",
    "annotation": "label",
    "text": "text",
    "tick_label": "tick label",
}
_NUMBER = re.compile(r"[-−+]?[\d.,]+%?$")
_SAME = 0.02


def mark_types(scene: Scene) -> dict[str, list[int]]:
    """Type of marks -> indices of the elements: `vertical bars`, `horizontal bars`, `line`, `points`, `pie`, `area`."""
    types: dict[str, list[int]] = {}
    for index, element in enumerate(scene.elements):
        if element.kind in MARKS:
            name = {"wedge": "pie"}.get(element.kind, element.kind)
            types.setdefault(name if name != "bar" else _orientation(scene, element), []).append(index)
    return types


def _orientation(scene: Scene, bar: Element) -> str:
    """Bars of one series share the edge that they grow from; a single bar counts as vertical."""
    series = [element for element in scene.elements if element.kind == "bar" and element.group == bar.group]
    spread = {axis: max(b.box[axis] for b in series) - min(b.box[axis] for b in series) for axis in (0, 3)}
    return "horizontal bars" if spread[0] < 1 < spread[3] else "vertical bars"


def mark_colors(scene: Scene) -> dict[Color, list[int]]:
    """Color -> indices of the marks that have it."""
    colors: dict[Color, list[int]] = {}
    for index, element in enumerate(scene.elements):
        if element.kind in MARKS and element.color is not None:
            same = next((color for color in colors if distance(color, element.color) < _SAME), element.color)
            colors.setdefault(same, []).append(index)
    return colors


def texts(scene: Scene) -> dict[str, Counter[str]]:
    """Kind of text -> the texts with their numbers. Numeric tick labels are the axis's choice and are left out."""
    found: dict[str, Counter[str]] = {kind: Counter() for kind in _TEXTS}
    for element in scene.elements:
        if element.kind in _TEXTS and _counts(element):
            found[element.kind][_words(element)] += 1
    return found


def _counts(element: Element) -> bool:
    words = _words(element)
    return bool(words) and not (element.kind == "tick_label" and _NUMBER.match(words))


def _words(element: Element) -> str:
    return " ".join(element.text.split())


def compare(scene: Scene, reference: Scene, thresholds: Thresholds) -> Iterator[Defect]:
    """Differences that a person sees; what the target looks like instead is not told."""
    if reference.error is not None:
        return
    yield from _types(scene, reference)
    yield from _colors(scene, reference, thresholds)
    yield from _differing_texts(scene, reference)


def _types(scene: Scene, reference: Scene) -> Iterator[Defect]:
    wanted = mark_types(reference)
    for name, indices in mark_types(scene).items():
        if name not in wanted:
            yield make_defect("wrong_type", f"the target does not show {name}", scene, indices)


def _colors(scene: Scene, reference: Scene, thresholds: Thresholds) -> Iterator[Defect]:
    wanted = mark_colors(reference)
    for color, indices in mark_colors(scene).items():
        if wanted and min(distance(color, other) for other in wanted) > thresholds.color_distance:
            name = name_of([scene.elements[index] for index in indices])
            yield make_defect("wrong_color", f"{name} in another color than in the target", scene, indices)


def _differing_texts(scene: Scene, reference: Scene) -> Iterator[Defect]:
    there, wanted = texts(scene), texts(reference)
    for kind, label in _TEXTS.items():
        extra, missing = there[kind] - wanted[kind], wanted[kind] - there[kind]
        indices = [i for i, element in enumerate(scene.elements) if element.kind == kind and _words(element) in extra]
        if extra and missing:
            yield make_defect("wrong_text", f"the {label} {_some(extra)} should be {_some(missing)}", scene, indices)
        elif extra:
            yield make_defect("extra_text", f"the target has no {label} {_some(extra)}", scene, indices)
        elif missing:
            yield Defect("missing_text", f"the {label} {_some(missing)} is missing")


def _some(words: Counter[str]) -> str:
    first = min(words)
    return repr(first) + (f" and {words.total() - 1} more" if words.total() > 1 else "")
