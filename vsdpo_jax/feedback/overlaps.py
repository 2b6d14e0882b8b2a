"""Texts on texts, texts across marks, and legends over marks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from vsdpo_jax.feedback import geometry
from vsdpo_jax.feedback.defect import MARKS, make_defect
from vsdpo_jax.feedback.texts import texts_of
from vsdpo_jax.feedback.thresholds import Thresholds
from vsdpo_jax.feedback.words import is_plural, name_of
from vsdpo_jax.types import Defect, Element, Scene


def overlaps(scene: Scene, thresholds: Thresholds) -> Iterator[Defect]:
    """Texts on texts, texts across marks, and legends over marks; one defect for each pair of groups."""
    pairs: dict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
    texts = [pair for pair in texts_of(scene) if pair[1].kind != "legend_text"]
    legends = [(i, e) for i, e in enumerate(scene.elements) if e.kind == "legend"]
    marks = [(i, e) for i, e in enumerate(scene.elements) if e.kind in MARKS]
    rules = [(i, e) for i, e in enumerate(scene.elements) if e.kind == "rule"]
    for position, (i, first) in enumerate(texts):
        for j, second in texts[position + 1 :] + legends:
            if _collide(first, second, thresholds):
                pairs[first.group, second.group].append((i, j))
        for j, mark in [] if _framed(scene, first) else marks + rules:
            if _crosses(first, mark, thresholds) and not _is_inner_tick_label(scene, first, mark):
                pairs[first.group, mark.group].append((i, j))
    for i, legend in legends:
        for j, mark in marks:
            share = thresholds.legend_area_share if mark.kind in ("area", "wedge") else thresholds.legend_share
            if geometry.common_area(legend, mark, thresholds.text_margin / 2) > share * _covered(legend):
                pairs[legend.group, mark.group].append((i, j))
    for (first, second), found in pairs.items():
        firsts = [scene.elements[i] for i, _ in found]
        seconds = [scene.elements[j] for _, j in found]
        if first == second and firsts[0].kind != "tick_label" and len(found) == 1:
            message = f"{name_of(firsts)} overlaps {name_of(seconds)}"
        elif first == second:
            message = f"{name_of([*firsts, *seconds])} overlap each other"
        else:
            verb = "overlap" if is_plural(firsts) else "overlaps"
            message = f"{name_of(firsts)} {verb} {name_of(seconds)}"
        # What lies in front of the data is to blame, not the data; of two texts both are.
        in_front = all(e.kind in (*MARKS, "rule") for e in seconds)
        boxes = tuple(dict.fromkeys(e.box for e in (firsts if in_front else [*firsts, *seconds])))
        yield make_defect("overlap", message, scene, [index for pair in found for index in pair], boxes)


def _collide(first: Element, second: Element, thresholds: Thresholds) -> bool:
    smaller = min(_covered(first), _covered(second))
    shared = geometry.common_area(first, second, thresholds.text_margin)
    return shared > max(thresholds.overlap_share * smaller, 2.0)


def _crosses(text: Element, mark: Element, thresholds: Thresholds) -> bool:
    """The mark crosses the text; a label that lies wholly inside a bar or wedge is there on purpose."""
    if mark.kind == "area" or (mark.kind in ("bar", "wedge") and geometry.inside(text.box, mark.box)):
        return False
    if mark.kind in ("line", "rule"):
        return _runs_through(text, mark, thresholds)
    return geometry.common_area(text, mark, thresholds.text_margin / 2) > thresholds.mark_share * _covered(text)


def _is_inner_tick_label(scene: Scene, text: Element, mark: Element) -> bool:
    """Tick labels inside of a plot, as polar plots have them, lie on its data by design."""
    name = mark.group.split("/", 1)[0]
    plots = (e for e in scene.elements if e.kind == "axes" and e.group == name)
    return (
        text.kind == "tick_label"
        and text.group.startswith(f"{name}/")
        and any(geometry.inside(text.box, plot.box) for plot in plots)
    )


def _runs_through(text: Element, line: Element, thresholds: Thresholds) -> bool:
    """A line has hardly any area, so what counts is how far it runs through the middle of the text."""
    length = 0.0
    for left, top, right, bottom in geometry.cover(text):
        width, height = right - left, bottom - top
        core = (left + width / 20, top + height / 4, right - width / 20, bottom - height / 4)
        needed = thresholds.crossing * min(core[2] - core[0], core[3] - core[1])
        for part in geometry.cover(line):
            shared = geometry.intersection(part, core)
            if shared[2] > shared[0] and shared[3] > shared[1]:
                length += max(shared[2] - shared[0], shared[3] - shared[1])
        if length > needed:
            return True
    return False


def _framed(scene: Scene, text: Element) -> bool:
    """The text has an opaque box of its own, which hides what is behind it."""
    return any(element.kind == "frame" and geometry.inside(text.box, element.box) for element in scene.elements)


def _covered(element: Element) -> float:
    return max(1.0, sum(geometry.area(box) for box in geometry.cover(element)))
