"""Defects of layouts: pages and slides. What lies in what is read from the source: an inner element is written inside
the outer one, or by the same statement."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

from vsdpo_jax.feedback import geometry
from vsdpo_jax.feedback.defect import make_defect
from vsdpo_jax.feedback.thresholds import Thresholds
from vsdpo_jax.feedback.words import name_of
from vsdpo_jax.types import Box, Defect, Element, Scene

Indexed = tuple[int, Element]
_PAGES = ("web", "slide", "pptx")
_CONTENT = ("img", "table", "pre", "svg", "canvas", "picture", "video")
_ROOTS = ("html", "body")


def layout(scene: Scene, thresholds: Thresholds) -> Iterator[Defect]:
    """Overflow, hidden text, collisions, misalignment, distorted pictures; for slides also empty and lopsided space."""
    if scene.kind not in _PAGES:
        return
    texts = [(i, e) for i, e in enumerate(scene.elements) if e.text.strip() and e.font_size > 0]
    boxes = [(i, e) for i, e in enumerate(scene.elements) if not e.text and e.group and e.kind not in _ROOTS]
    yield from _overflows(scene, texts, boxes, thresholds)
    yield from _hidden(scene, texts, boxes, thresholds)
    yield from _collisions(scene, texts, boxes, thresholds)
    yield from _misaligned(scene, texts, boxes, thresholds)
    yield from _distorted(scene, boxes, thresholds)
    if scene.kind != "web":
        canvas = (0.0, 0.0, float(scene.width), float(scene.height))
        slides = {e.clip or canvas for _, e in [*texts, *boxes]} if scene.kind == "pptx" else {canvas}
        for slide in sorted(slides):
            yield from _space(slide, [e for _, e in [*texts, *boxes] if slide in (canvas, e.clip)], thresholds)


def _within(inner: Element, outer: Element) -> bool:
    """Whether the source of `inner` lies in the source of `outer`."""
    if inner.group.startswith("slide"):
        # A shape of a deck and its text share their group; the program that makes them says nothing about nesting.
        return inner.group == outer.group
    if not inner.statements or not outer.statements:
        return False
    a, b = inner.statements[0], outer.statements[0]
    return b.start <= a.start and a.end <= b.end


def _container(element: Element, boxes: Sequence[Indexed]) -> Indexed | None:
    around = [(i, box) for i, box in boxes if box is not element and _within(element, box)]
    # The innermost one is the shortest in the source.
    return min(around, key=lambda pair: pair[1].statements[0].end - pair[1].statements[0].start, default=None)


def _overflows(
    scene: Scene, texts: Sequence[Indexed], boxes: Sequence[Indexed], thresholds: Thresholds
) -> Iterator[Defect]:
    for index, element in [*texts, *((i, e) for i, e in boxes if e.kind in _CONTENT)]:
        found = _container(element, boxes)
        if found is None or (element.clip is not None and scene.kind != "pptx"):
            continue
        outer = found[1].box
        if not geometry.area(geometry.intersection(element.box, outer)):
            # It was placed elsewhere on purpose.
            continue
        excess = {
            "left": outer[0] - element.box[0],
            "right": element.box[2] - outer[2],
            "top": outer[1] - element.box[1],
            "bottom": element.box[3] - outer[3],
        }
        side = max(excess, key=excess.get)
        if excess[side] > thresholds.overflow:
            message = f"{name_of([element])} runs {round(excess[side])} px out of the {side} of its {found[1].kind}"
            yield make_defect("overflow", message, scene, [index, found[0]], [element.box])


def _hidden(
    scene: Scene, texts: Sequence[Indexed], boxes: Sequence[Indexed], thresholds: Thresholds
) -> Iterator[Defect]:
    """Text behind a later, opaque box."""
    for index, text in texts:
        for other, box in boxes:
            opaque = box.background is not None or box.kind == "img"
            if not opaque or box.z_order <= text.z_order or _within(text, box):
                continue
            shared = geometry.area(geometry.intersection(text.box, box.box))
            if shared > thresholds.mark_share * geometry.area(text.box):
                message = f"{name_of([text])} is hidden behind the {box.kind}"
                yield make_defect("overlap", message, scene, [other, index], [box.box, text.box])
                break


def _collisions(
    scene: Scene, texts: Sequence[Indexed], boxes: Sequence[Indexed], thresholds: Thresholds
) -> Iterator[Defect]:
    """Boxes with content that cover parts of each other and are not meant to lie in each other."""
    full = [pair for pair in boxes if pair[1].kind in _CONTENT or any(_within(text, pair[1]) for _, text in texts)]
    for position, (i, first) in enumerate(full):
        for j, second in full[position + 1 :]:
            if _within(first, second) or _within(second, first):
                continue
            smaller = min(geometry.area(first.box), geometry.area(second.box))
            shared = geometry.area(geometry.intersection(first.box, second.box))
            if thresholds.collision * smaller < shared < 0.98 * smaller:
                message = f"{_called(scene, first)} and {_called(scene, second)} cover each other"
                yield make_defect("collision", message, scene, [j, i])


def _called(scene: Scene, box: Element) -> str:
    words = next((element.text for element in scene.elements if element.text and _within(element, box)), "")
    return f"the {box.kind} {words[:20]!r}" if words else f"the {box.kind}"


def _misaligned(
    scene: Scene, texts: Sequence[Indexed], boxes: Sequence[Indexed], thresholds: Thresholds
) -> Iterator[Defect]:
    """One of several siblings that is a little off the line on which all the others stand."""
    groups: dict[str, list[Indexed]] = defaultdict(list)
    for index, element in boxes or texts:
        groups[str(element.clip) if scene.kind == "pptx" else element.group].append((index, element))
    for members in groups.values():
        if len(members) < 3:
            continue
        for edge, across, name in ((0, 1, "left"), (1, 0, "top")):
            # A column shares its left edges, a row its tops; members of a column do not share any height.
            spans = sorted((element.box[across], element.box[across + 2]) for _, element in members)
            if any(later[0] < earlier[1] - 1 for earlier, later in zip(spans, spans[1:], strict=False)):
                continue
            edges = [round(element.box[edge]) for _, element in members]
            common, count = Counter(edges).most_common(1)[0]
            odd = [(index, e, value) for (index, e), value in zip(members, edges, strict=True) if value != common]
            if count == len(members) - 1 and thresholds.aligned < abs(odd[0][2] - common) <= thresholds.near:
                index, element, value = odd[0]
                message = f"{_called(scene, element)} is {abs(value - common)} px off the {name} edge of its neighbours"
                yield make_defect("misalignment", message, scene, [index])


def _distorted(scene: Scene, boxes: Sequence[Indexed], thresholds: Thresholds) -> Iterator[Defect]:
    for index, element in boxes:
        if element.natural_size is None:
            continue
        width, height = element.box[2] - element.box[0], element.box[3] - element.box[1]
        stretch = (width / height) / (element.natural_size[0] / element.natural_size[1])
        if not 1 / thresholds.stretch < stretch < thresholds.stretch:
            how = "wide" if stretch > 1 else "tall"
            message = f"the {element.kind} is stretched {max(stretch, 1 / stretch):.1f} times too {how}"
            yield make_defect("aspect_ratio", message, scene, [index])


def _space(canvas: Box, elements: Sequence[Element], thresholds: Thresholds) -> Iterator[Defect]:
    """A slide that is almost empty, or filled on one side only."""
    filled = [element for element in elements if geometry.area(element.box) < 0.8 * geometry.area(canvas)]
    x, y = 160 / (canvas[2] - canvas[0]), 90 / (canvas[3] - canvas[1])
    used = np.zeros((90, 160), bool)
    for element in filled:
        left, top, right, bottom = geometry.intersection(element.box, canvas)
        rows = slice(int((top - canvas[1]) * y), int(np.ceil((bottom - canvas[1]) * y)))
        used[rows, int((left - canvas[0]) * x) : int(np.ceil((right - canvas[0]) * x))] = True
    if not used.any():
        return
    columns, rows = np.flatnonzero(used.any(axis=0)), np.flatnonzero(used.any(axis=1))
    left, right, top, bottom = columns[0] / 160, (columns[-1] + 1) / 160, rows[0] / 90, (rows[-1] + 1) / 90
    if (right - left) * (bottom - top) < thresholds.used_space:
        share = 1 - (right - left) * (bottom - top)
        yield Defect("white_space", f"{share:.0%} of the slide is empty", (canvas,))
    elif right < thresholds.one_side or left > 1 - thresholds.one_side:
        side = "left" if right < thresholds.one_side else "right"
        yield Defect("imbalance", f"everything is on the {side} of the slide", (canvas,))
