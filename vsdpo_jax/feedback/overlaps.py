"""Texts on texts, texts across marks or in the next plot, and legends over marks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from vsdpo_jax.feedback import geometry
from vsdpo_jax.feedback.defect import MARKS, make_defect
from vsdpo_jax.feedback.texts import texts_of
from vsdpo_jax.feedback.thresholds import Thresholds
from vsdpo_jax.feedback.words import is_plural, name_of
from vsdpo_jax.types import Box, Defect, Element, Scene

Indexed = tuple[int, Element]


def overlaps(scene: Scene, thresholds: Thresholds) -> Iterator[Defect]:
    """One defect for each pair of groups; all lines of a plot, or all its bars, are one group."""
    pairs: dict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
    texts = [pair for pair in texts_of(scene) if pair[1].kind != "legend_text"]
    legends = [(i, e) for i, e in enumerate(scene.elements) if e.kind == "legend"]
    marks = [(i, e) for i, e in enumerate(scene.elements) if e.kind in MARKS]
    rules = [(i, e) for i, e in enumerate(scene.elements) if e.kind == "rule"]
    plots = [(i, e) for i, e in enumerate(scene.elements) if e.kind == "axes"]
    for position, (i, first) in enumerate(texts):
        for j, second in texts[position + 1 :] + legends:
            if _collide(first, second, thresholds):
                pairs[first.group, second.group].append((i, j))
        for j, mark in [] if _framed(scene, first) else marks + rules:
            if _crosses(first, mark, thresholds) and not _is_inner_tick_label(scene, first, mark):
                pairs[first.group, _family(mark)].append((i, j))
        for j, plot in _entered(first, plots, thresholds):
            pairs[first.group, _family(plot)].append((i, j))
    for i, legend in legends:
        for j, mark in marks:
            if _hides(legend, mark, thresholds):
                pairs[legend.group, _family(mark)].append((i, j))
    for (first, second), found in pairs.items():
        firsts = [scene.elements[i] for i, _ in found]
        seconds = [scene.elements[j] for _, j in found]
        if first == second and firsts[0].kind != "tick_label" and len(found) == 1:
            message = f"{name_of(firsts)} overlaps {name_of(seconds)}"
        elif first == second:
            message = f"{name_of([*firsts, *seconds])} overlap each other"
        else:
            verb = "overlap" if is_plural(firsts) else "overlaps"
            other = "the next plot" if seconds[0].kind == "axes" else name_of(seconds)
            message = f"{name_of(firsts)} {verb} {other}"
        # What lies in front of the data is to blame, not the data; of two texts both are.
        in_front = all(e.kind in (*MARKS, "rule", "axes") for e in seconds)
        boxes = tuple(dict.fromkeys(e.box for e in (firsts if in_front else [*firsts, *seconds])))
        yield make_defect("overlap", message, scene, [index for pair in found for index in pair], boxes)


def _family(mark: Element) -> str:
    """`axes0/line` for every line of the first plot."""
    return f"{mark.group.split('/', 1)[0]}/{mark.kind}"


def _hides(legend: Element, mark: Element, thresholds: Thresholds) -> bool:
    if not geometry.meet(legend.box, mark.box):
        return False
    if mark.kind == "line":
        inner = geometry.shrink(legend.box, 2 * thresholds.text_margin)
        shorter = min(legend.box[2] - legend.box[0], legend.box[3] - legend.box[1])
        if _length_within(mark, inner) > thresholds.legend_crossing * shorter:
            return True
    share = thresholds.legend_area_share if mark.kind in ("area", "wedge") else thresholds.legend_share
    return geometry.common_area(legend, mark, thresholds.text_margin / 2) > share * _covered(legend)


def _entered(text: Element, plots: Sequence[Indexed], thresholds: Thresholds) -> Iterator[Indexed]:
    """Other plots that a label of one plot runs into; plots on or in each other share their place."""
    if text.kind not in ("tick_label", "axis_label", "title"):
        return
    own = next((plot for _, plot in plots if plot.group == text.group.rpartition("/")[0]), None)
    for index, plot in plots:
        # Without a color its frame is not drawn.
        if (
            own is None
            or plot.color is None
            or geometry.inside(own.box, plot.box)
            or geometry.inside(plot.box, own.box)
        ):
            continue
        if geometry.common_area(text, plot, thresholds.text_margin) > thresholds.mark_share * _covered(text):
            yield index, plot


def _nested(first: Element, second: Element) -> bool:
    return geometry.inside(first.box, second.box) or geometry.inside(second.box, first.box)


def _collide(first: Element, second: Element, thresholds: Thresholds) -> bool:
    smaller = min(_covered(first), _covered(second))
    shared = geometry.common_area(first, second, thresholds.text_margin)
    return shared > max(thresholds.overlap_share * smaller, 2.0)


def _crosses(text: Element, mark: Element, thresholds: Thresholds) -> bool:
    """The mark crosses the text; a label that lies wholly inside a bar or wedge is there on purpose."""
    if mark.kind == "area" or (mark.kind in ("bar", "wedge") and geometry.inside(text.box, mark.box)):
        return False
    if not geometry.meet(text.box, mark.box):
        return False
    if mark.kind in ("line", "rule"):
        return _runs_through(text, mark, thresholds)
    shared = geometry.common_area(text, mark, thresholds.text_margin / 2) / _covered(text)
    # Beside its own point a label may touch it; several points under a text leave nothing to read.
    several = mark.kind == "points" and sum(_touches(text, part) for part in geometry.cover(mark)) >= 3
    return shared > (thresholds.overlap_share if several else thresholds.mark_share)


def _touches(text: Element, part: Box) -> bool:
    return any(geometry.meet(box, part) for box in geometry.cover(text))


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
        length += _length_within(line, core)
        if length > needed:
            return True
    return False


def _length_within(line: Element, box: Box) -> float:
    """Pixels that a line runs inside of a box, along the longer sides of its pieces."""
    shared = [geometry.intersection(part, box) for part in geometry.cover(line) if geometry.meet(part, box)]
    return sum(max(b[2] - b[0], b[3] - b[1]) for b in shared)


def _framed(scene: Scene, text: Element) -> bool:
    """The text has an opaque box of its own, which hides what is behind it."""
    return any(element.kind == "frame" and geometry.inside(text.box, element.box) for element in scene.elements)


def _covered(element: Element) -> float:
    return max(1.0, sum(geometry.area(box) for box in geometry.cover(element)))
