"""Defects of boxes on pages and slides: contents that run out of them, texts behind them, boxes on boxes or outside."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from vsdpo_jax.feedback import geometry
from vsdpo_jax.feedback.defect import make_defect
from vsdpo_jax.feedback.nesting import called, container, within
from vsdpo_jax.feedback.thresholds import Thresholds
from vsdpo_jax.feedback.words import name_of
from vsdpo_jax.types import Box, Defect, Element, Scene

Indexed = tuple[int, Element]
_PAGES = ("web", "slide", "pptx")
_CONTENT = ("img", "table", "pre", "svg", "canvas", "picture", "video", "chart")
# What a person calls a box whose tag says little.
_NAMES = {"div": "box", "section": "box", "li": "list entry", "td": "cell", "th": "cell"}
# Roots are no containers, and nobody sees the frame of a text.
_UNSEEN = ("html", "body", "text_box")


def layout(scene: Scene, thresholds: Thresholds) -> Iterator[Defect]:
    """`overflow`, `overlap` of texts by boxes, `collision`, and `off_canvas` of what is no text. Nothing for charts."""
    if scene.kind not in _PAGES:
        return
    texts = [(i, e) for i, e in enumerate(scene.elements) if e.text.strip() and e.font_size > 0]
    boxes = [(i, e) for i, e in enumerate(scene.elements) if not e.text and e.group and e.kind not in _UNSEEN]
    yield from _outside(scene, texts, boxes, thresholds)
    yield from _overflows(scene, texts, boxes, thresholds)
    yield from _hidden(scene, texts, boxes, thresholds)
    yield from _collisions(scene, texts, boxes, thresholds)


def _outside(
    scene: Scene, texts: Sequence[Indexed], boxes: Sequence[Indexed], thresholds: Thresholds
) -> Iterator[Defect]:
    """Pictures, tables and charts that the edge cuts off; what fills most of the canvas bleeds on purpose."""
    canvas = (0.0, 0.0, float(scene.width), float(scene.height))
    for index, box in boxes:
        limit = box.clip if scene.kind == "pptx" and box.clip else canvas
        visible = geometry.area(geometry.intersection(box.box, limit))
        lost = visible < (1 - thresholds.gone) * geometry.area(box.box)
        if lost and not any(within(text, box) for _, text in texts):
            yield make_defect("off_canvas", f"the {box.kind} is outside the picture", scene, [index])
        elif not lost and box.kind in _CONTENT and visible < 0.5 * geometry.area(limit):
            side, excess = _excess(box.box, limit)
            if excess > thresholds.overflow:
                message = f"the {box.kind} runs {round(excess)} px past the {side} edge"
                yield make_defect("off_canvas", message, scene, [index])


def _excess(inner: Box, outer: Box) -> tuple[str, float]:
    """On which side `inner` reaches farthest out of `outer`, and how far."""
    excess = {
        "left": outer[0] - inner[0],
        "right": inner[2] - outer[2],
        "top": outer[1] - inner[1],
        "bottom": inner[3] - outer[3],
    }
    side = max(excess, key=excess.get)
    return side, excess[side]


def _overflows(
    scene: Scene, texts: Sequence[Indexed], boxes: Sequence[Indexed], thresholds: Thresholds
) -> Iterator[Defect]:
    """One defect for contents and boxes of one sort: one rule may be behind them all."""
    overflowing: dict[tuple[str, str], list[tuple[float, str, int, int]]] = defaultdict(list)
    for index, element in [*texts, *((i, e) for i, e in boxes if e.kind in _CONTENT)]:
        found = container(element, boxes)
        if found is None:
            continue
        outer = found[1].box
        if scene.kind != "pptx" and element.clip is not None and geometry.inside(element.clip, outer):
            # The box cuts it off, which is another defect.
            continue
        if not geometry.area(geometry.intersection(element.box, outer)):
            # It was placed elsewhere on purpose.
            continue
        side, excess = _excess(element.box, outer)
        if excess > thresholds.overflow:
            overflowing[element.group, found[1].group].append((excess, side, index, found[0]))
    for found in overflowing.values():
        excess, side, index, outer = max(found)
        message = (
            f"{name_of([scene.elements[index]])} runs {round(excess)} px out of the {side} of its "
            f"{_NAMES.get(scene.elements[outer].kind, scene.elements[outer].kind)}"
        )
        inner = [i for _, _, i, _ in found]
        more = f", and {len(inner) - 1} more" if len(inner) > 1 else ""
        boxes_of = [scene.elements[i].box for i in inner]
        yield make_defect("overflow", message + more, scene, [*inner, *(o for *_, o in found)], boxes_of)


def _hidden(
    scene: Scene, texts: Sequence[Indexed], boxes: Sequence[Indexed], thresholds: Thresholds
) -> Iterator[Defect]:
    """Text behind a later, opaque box."""
    for index, text in texts:
        for other, box in boxes:
            opaque = box.background is not None or box.kind in ("img", "picture")
            if not opaque or box.z_order <= text.z_order or within(text, box):
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
    full = [pair for pair in boxes if pair[1].kind in _CONTENT or any(within(text, pair[1]) for _, text in texts)]
    for position, (i, first) in enumerate(full):
        for j, second in full[position + 1 :]:
            if within(first, second) or within(second, first):
                continue
            smaller = min(geometry.area(first.box), geometry.area(second.box))
            shared = geometry.area(geometry.intersection(first.box, second.box))
            if thresholds.collision * smaller < shared < 0.98 * smaller:
                message = f"{called(scene, first)} and {called(scene, second)} cover each other"
                yield make_defect("collision", message, scene, [j, i])
