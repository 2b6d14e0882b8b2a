"""What lies in what, read from the source: an inner element of a page is written inside the outer one.

A shape of a deck shares its group with its text.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence

from vsdpo_jax.feedback import geometry
from vsdpo_jax.feedback.words import quoted, thing
from vsdpo_jax.types import Element, Scene

Indexed = tuple[int, Element]


def within(inner: Element, outer: Element) -> bool:
    """Whether the source of `inner` lies in the source of `outer`."""
    if inner.group.startswith("slide"):
        # The program that makes the shapes of a deck says nothing about nesting.
        return inner.group == outer.group
    if not inner.statements or not outer.statements:
        return False
    a, b = inner.statements[0], outer.statements[0]
    return b.start <= a.start and a.end <= b.end


def cover(text: Element, boxes: Sequence[Indexed], share: float) -> int | None:
    """Index of a later, opaque box that hides more than `share` of a text; None if none does."""
    for index, box in boxes:
        opaque = box.background is not None or box.kind in ("img", "picture")
        if opaque and box.z_order > text.z_order and not within(text, box):
            shared = geometry.area(geometry.intersection(text.box, box.box))
            if shared > share * geometry.area(text.box):
                return index
    return None


def container(element: Element, boxes: Sequence[Indexed]) -> Indexed | None:
    """The innermost of `boxes` around an element, or None."""
    around = [(i, box) for i, box in boxes if box is not element and within(element, box)]
    return min(around, key=lambda pair: _length(pair[1]), default=None)


def _length(box: Element) -> tuple[int, float]:
    """The innermost of several containers is the shortest in the source; shapes of a deck go by their area."""
    statement = box.statements[0] if box.statements and not box.group.startswith("slide") else None
    return (statement.end - statement.start if statement else 0, geometry.area(box.box))


def children(scene: Scene, ignored: Collection[str]) -> list[tuple[list[Indexed], list[Element]]]:
    """Boxes of a page that have the same parent and tag, each with the other children of that parent.

    Args:
      scene: of a page.
      ignored: tags that are no members; they are children all the same.
    """
    boxes = [(i, e) for i, e in enumerate(scene.elements) if not e.text and e.statements]
    boxes.sort(key=lambda pair: (pair[1].statements[0].start, -pair[1].statements[0].end, pair[0]))
    groups: dict[tuple, list[Indexed]] = defaultdict(list)
    families: dict[tuple[int, int] | None, list[Element]] = defaultdict(list)
    open_spans: list[tuple[int, int]] = []
    for index, element in boxes:
        span = element.statements[0].start, element.statements[0].end
        while open_spans and (open_spans[-1][1] < span[1] or open_spans[-1] == span):
            open_spans.pop()
        parent = open_spans[-1] if open_spans else None
        open_spans.append(span)
        families[parent].append(element)
        if element.kind not in ignored:
            # The renderer knows the parents of what is seen; a parent without a height of its own is in no scene.
            groups[parent, element.group or element.kind].append((index, element))
    found = []
    for (parent, _), members in groups.items():
        if len(members) > 1:
            own = {id(element) for _, element in members}
            found.append((members, [element for element in families[parent] if id(element) not in own]))
    return found


def called(scene: Scene, box: Element) -> str:
    """A box by its first words: `the box 'North opens'`."""
    if box.kind in ("axes", "text"):
        return "a plot" if box.kind == "axes" else f"the text {quoted(box.text)}"
    if box.kind in ("chart", "table", "picture"):
        return f"the {box.kind}"
    words = next((element.text for element in scene.elements if element.text and within(element, box)), "")
    return f"the {thing(box)} {quoted(words)}" if words else f"the {thing(box)}"
