"""Boxes: areas, intersections, and the closer cover that an element's parts give."""

from __future__ import annotations

from vsdpo_jax.types import Box, Element


def area(box: Box) -> float:
    """Square pixels; 0 for an empty box."""
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


def intersection(first: Box, second: Box) -> Box:
    """The common box, empty (right <= left or bottom <= top) if there is none."""
    return (max(first[0], second[0]), max(first[1], second[1]), min(first[2], second[2]), min(first[3], second[3]))


def iou(first: Box, second: Box) -> float:
    """Intersection over union, 0–1."""
    common = area(intersection(first, second))
    union = area(first) + area(second) - common
    return common / union if union > 0 else 0.0


def cover(element: Element) -> tuple[Box, ...]:
    """The boxes that together cover what is drawn and not clipped: the parts of an element, else its box."""
    boxes = element.parts or (element.box,)
    return boxes if element.clip is None else tuple(intersection(box, element.clip) for box in boxes)


def meet(first: Box, second: Box) -> bool:
    """Whether two boxes share more than an edge; most pairs of elements do not, which is quickly seen."""
    return first[0] < second[2] and second[0] < first[2] and first[1] < second[3] and second[1] < first[3]


def shrink(box: Box, pixels: float) -> Box:
    """The box without a margin: text boxes include room that no glyph fills."""
    return (box[0] + pixels, box[1] + pixels, box[2] - pixels, box[3] - pixels)


def common_area(first: Element, second: Element, margin: float) -> float:
    """Square pixels that two elements share, counted between their covers shrunk by `margin`."""
    if not meet(first.box, second.box):
        return 0.0
    return sum(area(intersection(shrink(a, margin), shrink(b, margin))) for a in cover(first) for b in cover(second))


def inside(inner: Box, outer: Box, tolerance: float = 1.0) -> bool:
    """`inner` lies in `outer`, give or take `tolerance` pixels."""
    return (
        inner[0] >= outer[0] - tolerance
        and inner[1] >= outer[1] - tolerance
        and inner[2] <= outer[2] + tolerance
        and inner[3] <= outer[3] + tolerance
    )


def union(boxes: tuple[Box, ...]) -> Box:
    """The smallest box around all."""
    return (min(b[0] for b in boxes), min(b[1] for b in boxes), max(b[2] for b in boxes), max(b[3] for b in boxes))
