"""Defects against a reference scene: other types of marks, other colors, other texts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from vsdpo_jax.feedback.color import Color, color_name, distance
from vsdpo_jax.feedback.defect import MARKS, make_defect
from vsdpo_jax.feedback.thresholds import Thresholds
from vsdpo_jax.feedback.words import are, name_of
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
# What draws marks of a type in Matplotlib: the word that a program needs.
_CALLS = {
    "vertical bars": "bar",
    "horizontal bars": "barh",
    "line": "plot",
    "points": "scatter",
    "pie": "pie",
    "area": "fill_between",
}


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
        role = _role(scene, element)
        if role and _counts(element):
            found[role][_words(element)] += 1
    return found


def matched_texts(scene: Scene, reference: Scene) -> list[tuple[Element, Element]]:
    """Pairs of elements with the same text, each used once, in drawing order."""
    waiting: dict[str, list[Element]] = {}
    for element in reference.elements:
        if _words(element):
            waiting.setdefault(_words(element), []).append(element)
    found = [element for element in scene.elements if waiting.get(_words(element))]
    return [(element, waiting[_words(element)].pop(0)) for element in found if waiting[_words(element)]]


def _role(scene: Scene, element: Element) -> str:
    """What a text is for: charts say it by kind; all texts of pages and slides are alike. Empty for none."""
    if scene.kind == "chart":
        return element.kind if element.kind in _TEXTS else ""
    return "text" if element.text else ""


def _counts(element: Element) -> bool:
    words = _words(element)
    return bool(words) and not (element.kind == "tick_label" and _NUMBER.match(words))


def _words(element: Element) -> str:
    return " ".join(element.text.split())


def compare(scene: Scene, reference: Scene, thresholds: Thresholds) -> Iterator[Defect]:
    """Differences that a person sees, each with what the target has instead."""
    if reference.error is not None:
        return
    yield from _types(scene, reference)
    yield from _colors(scene, reference, thresholds)
    yield from _differing_texts(scene, reference)
    yield from _layouts(scene, reference, thresholds)


def _types(scene: Scene, reference: Scene) -> Iterator[Defect]:
    there, wanted = mark_types(scene), mark_types(reference)
    unused = [name for name in wanted if name not in there] or list(wanted)
    for name, indices in there.items():
        if name not in wanted:
            instead = " and ".join(f"{_some_marks(other)} ('{_CALLS[other]}')" for other in unused)
            shown = f" instead of {instead}" if unused else ", the target does not"
            yield make_defect("wrong_type", f"the chart shows {_some_marks(name)}{shown}", scene, indices)


def _some_marks(name: str) -> str:
    return {"line": "a line", "pie": "a pie", "area": "an area"}.get(name, name)


def _colors(scene: Scene, reference: Scene, thresholds: Thresholds) -> Iterator[Defect]:
    """Of marks in charts; of texts, and of what lies behind them, on pages and slides."""
    if scene.kind != "chart":
        yield from _text_colors(scene, reference, thresholds)
        return
    there, wanted = mark_colors(scene), mark_colors(reference)
    unused = [color for color in wanted if not _close(color, there, thresholds)]
    for color, indices in there.items():
        if wanted and not _close(color, wanted, thresholds):
            instead = " or ".join(map(_quoted, unused or wanted))
            marks = [scene.elements[index] for index in indices]
            message = f"{name_of(marks)} {are(marks)} {_quoted(color)} instead of {instead}"
            yield make_defect("wrong_color", message, scene, indices)


def _quoted(color: Color) -> str:
    """As it stands in most programs, which is how a model can copy it."""
    return f"'{color_name(color)}'"


def _close(color: Color, others: Iterable[Color], thresholds: Thresholds) -> bool:
    return any(distance(color, other) <= thresholds.color_distance for other in others)


def _text_colors(scene: Scene, reference: Scene, thresholds: Thresholds) -> Iterator[Defect]:
    """One defect for each pair of colors, which is one decision as a rule."""
    places = {id(element): index for index, element in enumerate(scene.elements)}
    shapes, wanted_shapes = filled_shapes(scene), filled_shapes(reference)
    written: dict[tuple[str, str], list[Element]] = {}
    behind: dict[tuple[str, str], dict[int, Element]] = {}
    for found, wanted in matched_texts(scene, reference):
        if _differ(found.color, wanted.color, thresholds):
            written.setdefault((_quoted(found.color), _quoted(wanted.color)), []).append(found)
        fill, wanted_fill = shapes.get(found.group, found), wanted_shapes.get(wanted.group, wanted)
        if _differ(fill.background, wanted_fill.background, thresholds):
            pair = _quoted(fill.background), _quoted(wanted_fill.background)
            behind.setdefault(pair, {})[places[id(fill)]] = found
    for (color, instead), texts_ in written.items():
        message = f"{name_of(texts_)} {are(texts_)} {color} instead of {instead}"
        yield make_defect("wrong_color", message, scene, [places[id(text)] for text in texts_])
    for (color, instead), on in behind.items():
        message = f"{name_of(list(on.values()))} {are(list(on.values()))} on {color} instead of {instead}"
        yield make_defect("wrong_color", message, scene, list(on))


def filled_shapes(scene: Scene) -> dict[str, Element]:
    """Group -> the shape of a deck that is filled behind the text of that group; a page's texts know what is behind."""
    return {e.group: e for e in scene.elements if scene.kind == "pptx" and not e.text and e.background is not None}


def _differ(first: Color | None, second: Color | None, thresholds: Thresholds) -> bool:
    return first is not None and second is not None and distance(first, second) > thresholds.color_distance


def _differing_texts(scene: Scene, reference: Scene) -> Iterator[Defect]:
    there, wanted = texts(scene), texts(reference)
    for kind, label in _TEXTS.items():
        extra, missing = there[kind] - wanted[kind], wanted[kind] - there[kind]
        alike = [(i, element) for i, element in enumerate(scene.elements) if _role(scene, element) == kind]
        indices = [i for i, element in alike if _words(element) in extra]
        if extra and missing:
            yield make_defect("wrong_text", f"the {label} {_some(extra)} should be {_some(missing)}", scene, indices)
        elif extra:
            yield make_defect("extra_text", f"the target has no {label} {_some(extra)}", scene, indices)
        elif missing:
            verb = "are" if missing.total() > 1 else "is"
            yield Defect("missing_text", f"the {label} {_some(missing)} {verb} missing")


def _layouts(scene: Scene, reference: Scene, thresholds: Thresholds) -> Iterator[Defect]:
    if scene.kind == "chart":
        panels, wanted = ([i for i, e in enumerate(side.elements) if e.kind == "axes"] for side in (scene, reference))
        if len(panels) != len(wanted):
            message = f"there are {len(panels)} plots, the target has {len(wanted)}"
            yield make_defect("wrong_layout", message, scene, panels)
        elif _grid(scene, panels) != _grid(reference, wanted):
            (rows, columns), (tall, wide) = _grid(scene, panels), _grid(reference, wanted)
            message = f"the plots are in {rows} x {columns} rows and columns, those of the target in {tall} x {wide}"
            yield make_defect("wrong_layout", message, scene, panels)
        return
    places = {id(element): index for index, element in enumerate(scene.elements)}
    pairs = matched_texts(scene, reference)
    moved = [places[id(a)] for a, b in pairs if _shift(scene, reference, a, b) > thresholds.moved]
    if moved:
        name = name_of([scene.elements[moved[0]]])
        more = f" and {len(moved) - 1} more" if len(moved) > 1 else ""
        verb = "are" if more else "is"
        yield make_defect("wrong_layout", f"{name}{more} {verb} in another place than in the target", scene, moved)


def _grid(scene: Scene, panels: Sequence[int]) -> tuple[int, int]:
    """How many rows and columns plots stand in; within a tenth of the canvas they share one."""
    found = []
    for axis, size in ((1, scene.height), (0, scene.width)):
        middles = sorted((scene.elements[i].box[axis] + scene.elements[i].box[axis + 2]) / 2 for i in panels)
        steps = (b - a > 0.1 * size for a, b in zip(middles, middles[1:], strict=False))
        found.append(int(bool(middles)) + sum(steps))
    return found[0], found[1]


def _shift(scene: Scene, reference: Scene, found: Element, wanted: Element) -> float:
    """Distance of the upper left corners along the worse axis, as a share of the canvas."""
    across = abs(found.box[0] / scene.width - wanted.box[0] / reference.width)
    return max(across, abs(found.box[1] / scene.height - wanted.box[1] / reference.height))


def _some(words: Counter[str]) -> str:
    first = min(words)
    return repr(first) + (f" and {words.total() - 1} more" if words.total() > 1 else "")
