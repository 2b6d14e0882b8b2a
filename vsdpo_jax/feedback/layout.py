"""Defects of boxes on pages and slides: contents that run out of them, texts behind them, boxes on boxes or outside."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence

from vsdpo_jax.feedback import geometry
from vsdpo_jax.feedback.defect import cause, make_defect
from vsdpo_jax.feedback.nesting import called, container, cover, within
from vsdpo_jax.feedback.thresholds import Thresholds
from vsdpo_jax.feedback.words import are, name_of, thing
from vsdpo_jax.types import Box, Defect, Element, Scene

Indexed = tuple[int, Element]
_PAGES = ("web", "slide", "pptx")
_CONTENT = ("img", "table", "pre", "svg", "canvas", "picture", "video", "chart")
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
    yield from _across_charts(scene, texts, boxes, thresholds)
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
            yield make_defect("off_canvas", f"the {thing(box)} is outside the picture", scene, [index])
        elif not lost and box.kind in _CONTENT and visible < 0.5 * geometry.area(limit):
            side, excess = _excess(box.box, limit)
            if excess > thresholds.overflow:
                message = f"the {thing(box)} runs {round(excess)} px past the {side} edge"
                yield make_defect("off_canvas", message, scene, [index])


def _excess(inner: Box, outer: Box) -> tuple[str, float]:
    """On which side `inner` reaches farthest out of `outer`, and how far."""
    excess = _excesses(inner, outer)
    side = max(excess, key=excess.get)
    return side, excess[side]


def _excesses(inner: Box, outer: Box) -> dict[str, float]:
    return {
        "left": outer[0] - inner[0],
        "right": inner[2] - outer[2],
        "top": outer[1] - inner[1],
        "bottom": inner[3] - outer[3],
    }


def _flows_on(text: Element, box: Element, texts: Sequence[Indexed]) -> bool:
    """The text stands below its box as the next line of what is in the box."""
    if not text.text or text.box[1] < box.box[3] - 1 or min(text.box[2], box.box[2]) <= max(text.box[0], box.box[0]):
        return False
    others = [e for _, e in texts if e is not text and within(e, box)]
    above = max((e.box[3] for e in others if e.box[3] <= text.box[1] + 2), default=-math.inf)
    inside = any(geometry.area(geometry.intersection(e.box, box.box)) for e in others)
    return inside and text.box[1] - above < 1.5 * text.font_size


def _ends_with_canvas(scene: Scene, box: Element, side: str, thresholds: Thresholds) -> bool:
    """There the canvas cuts the contents off, which is another defect."""
    canvas = (0.0, 0.0, float(scene.width), float(scene.height))
    limit = box.clip if scene.kind == "pptx" and box.clip else canvas
    return _excesses(box.box, limit)[side] > -thresholds.overflow


def _overflows(
    scene: Scene, texts: Sequence[Indexed], boxes: Sequence[Indexed], thresholds: Thresholds
) -> Iterator[Defect]:
    """One defect for contents and boxes of one sort: one rule may be behind them all."""
    overflowing: dict[tuple, list[tuple[float, str, int, int]]] = defaultdict(list)
    for index, element in [*texts, *((i, e) for i, e in boxes if e.kind in _CONTENT)]:
        found = container(element, boxes)
        if found is None:
            continue
        outer = found[1].box
        if scene.kind != "pptx" and element.clip is not None and geometry.inside(element.clip, outer):
            # The box cuts it off, which is another defect.
            continue
        if not geometry.area(geometry.intersection(element.box, outer)) and not _flows_on(element, found[1], texts):
            # It was placed elsewhere on purpose.
            continue
        side, excess = _excess(element.box, outer)
        if excess > thresholds.overflow and not _ends_with_canvas(scene, found[1], side, thresholds):
            what = cause(scene, element, "overflow"), thing(found[1])
            overflowing[what].append((excess, side, index, found[0]))
    for found in overflowing.values():
        excess, side, index, outer = max(found)
        message = (
            f"{name_of([scene.elements[index]])} runs {round(excess)} px out of the {side} of its "
            f"{thing(scene.elements[outer])}"
        )
        inner = [i for _, _, i, _ in found]
        more = f", and {len(inner) - 1} more" if len(inner) > 1 else ""
        # Where a height is written down, the box is too low as much as its text is too long.
        low = [o for _, at, _, o in found if at == "bottom" and "height" in dict(scene.elements[o].styles)]
        boxes_of = [scene.elements[i].box for i in (*inner, *low)]
        yield make_defect("overflow", message + more, scene, [*inner, *(o for *_, o in found)], boxes_of)


def _hidden(
    scene: Scene, texts: Sequence[Indexed], boxes: Sequence[Indexed], thresholds: Thresholds
) -> Iterator[Defect]:
    """Text behind later, opaque boxes; one defect for all that one box hides."""
    behind: dict[int, list[int]] = defaultdict(list)
    for index, text in texts:
        if (other := cover(text, boxes, thresholds.mark_share)) is not None:
            behind[other].append(index)
    for other, hidden in behind.items():
        words, box = [scene.elements[index] for index in hidden], scene.elements[other]
        message = f"{name_of(words)} {are(words)} hidden behind the {thing(box)}"
        yield make_defect("overlap", message, scene, [other, *hidden], [box.box, *(text.box for text in words)])


def _across_charts(
    scene: Scene, texts: Sequence[Indexed], boxes: Sequence[Indexed], thresholds: Thresholds
) -> Iterator[Defect]:
    """Text of a deck that lies half on a chart or a table; a note that lies wholly on one is placed there."""
    if scene.kind != "pptx":
        return
    for index, text in texts:
        for other, box in boxes:
            if box.kind not in ("chart", "table") or within(text, box) or container(text, boxes) is not None:
                # A text in a shape is as wide as that shape, which collides or does not.
                continue
            shared = geometry.area(geometry.intersection(text.box, box.box)) / max(1.0, geometry.area(text.box))
            if thresholds.mark_share < shared < 1 - thresholds.mark_share:
                message = f"{name_of([text])} overlaps the {thing(box)}"
                yield make_defect("overlap", message, scene, [index, other], [text.box])


def _collisions(
    scene: Scene, texts: Sequence[Indexed], boxes: Sequence[Indexed], thresholds: Thresholds
) -> Iterator[Defect]:
    """Boxes with content that cover parts of each other and are not meant to lie in each other."""
    full = [pair for pair in boxes if pair[1].kind in _CONTENT or any(within(text, pair[1]) for _, text in texts)]
    # A table before its cells: where it collides, they need no mention.
    full.sort(key=lambda pair: -geometry.area(pair[1].box))
    said: list[tuple[Element, Element]] = []
    for position, (i, first) in enumerate(full):
        for j, second in full[position + 1 :]:
            smaller = min(geometry.area(first.box), geometry.area(second.box))
            shared = geometry.area(geometry.intersection(first.box, second.box))
            if not thresholds.collision * smaller < shared < 0.98 * smaller:
                continue
            nested = within(first, second) or within(second, first)
            if not nested and not any(_are_within((first, second), pair) for pair in said):
                said.append((first, second))
                names = " and ".join(called(scene, scene.elements[index]) for index in sorted((i, j)))
                yield make_defect("collision", f"{names} cover each other", scene, sorted((i, j), reverse=True))


def _are_within(inner: tuple[Element, Element], outer: tuple[Element, Element]) -> bool:
    """Whether two boxes are the same as, or in, two others, one in each."""
    pairs = (outer, outer[::-1])
    return any(all(a is b or within(a, b) for a, b in zip(inner, pair, strict=True)) for pair in pairs)
