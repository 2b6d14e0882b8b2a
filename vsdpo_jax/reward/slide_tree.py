"""A slide as a tree of boxes: what AeSlides' rules are computed on, whatever drew the slide.

Three things make such a tree: the report of the measure `slide_tree`, which is the published one; the scene of an
ordinary render of an HTML slide; and the scene of a python-pptx deck, one tree a slide.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from vsdpo_jax.feedback import geometry
from vsdpo_jax.types import Box, Element, Scene

VIEW = (1280, 720)
_TEXT_TAGS = frozenset("p span h1 h2 h3 h4 h5 h6 small strong label li td th a button".split())
_IMAGE_TAGS = frozenset("img picture canvas video svg".split())
_LONGEST = 240
_MOST_LINES = 12
# What the kinds of shapes on a python-pptx slide are called in HTML.
_SHAPES = {"picture": "img", "chart": "canvas", "table": "table", "text": "p"}


@dataclasses.dataclass(frozen=True)
class SlideNode:
    """One element of a slide.

    Attributes:
      tag: in lower case.
      box: in pixels, clipped to the view.
      full: the box before clipping.
      parent: index of the parent in the tree, -1 for the root.
      text_length: characters of the text in it and below, at most 240.
      lines: boxes of the lines of its own text, clipped, at most 12.
      full_lines: the same before clipping, all of them.
      opacity: its own, 0–1.
      is_text, is_image, is_icon: what it looks like; several may hold.
      background_image: it has one (a gradient counts).
      background_alpha: opacity of its background color.
      border: it has a visible border.
      clips: what overflows it is cut off.
      positioned: it was placed out of the flow.
      kept: the published tree has it. The others only matter for what runs off the slide.
      shown: it and all around it are visible.
    """

    tag: str
    box: Box
    full: Box
    parent: int = -1
    text_length: int = 0
    lines: tuple[Box, ...] = ()
    full_lines: tuple[Box, ...] = ()
    opacity: float = 1.0
    is_text: bool = False
    is_image: bool = False
    is_icon: bool = False
    background_image: bool = False
    background_alpha: float = 0.0
    border: bool = False
    clips: bool = False
    positioned: bool = False
    kept: bool = True
    shown: bool = True


@dataclasses.dataclass(frozen=True)
class SlideTree:
    """One slide.

    Attributes:
      width, height: of the view, in pixels.
      nodes: in any order.
      trimmed: lines are as high as their letters, not as their line boxes.
    """

    width: float
    height: float
    nodes: tuple[SlideNode, ...]
    trimmed: bool = False

    def children(self) -> list[list[int]]:
        """The indices of the children of every node that the published tree has."""
        found: list[list[int]] = [[] for _ in self.nodes]
        for index, node in enumerate(self.nodes):
            if node.parent >= 0 and node.kept:
                found[node.parent].append(index)
        return found

    def ancestors(self, index: int) -> list[int]:
        """The indices of the nodes around a node, innermost first."""
        found = []
        while (index := self.nodes[index].parent) >= 0 and len(found) <= len(self.nodes):
            found.append(index)
        return found


def from_report(report: dict[str, Any]) -> SlideTree:
    """The tree in the report of the measure `slide_tree`.

    Raises:
      ValueError: it does not have the agreed form; it comes out of a process that untrusted pages run in.
    """
    try:
        width, height = (float(edge) for edge in report["view"])
        rows = report["nodes"]
        nodes = tuple(_node(row, len(rows)) for row in rows)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"the tree of the slide is malformed ({type(error).__name__}: {error})") from None
    return SlideTree(width, height, nodes)


def _node(row: dict[str, Any], count: int) -> SlideNode:
    parent = row["parent"]
    if not isinstance(parent, int) or not -1 <= parent < count:
        raise ValueError("unknown parent")
    flags = {name: row[name] is True for name in _FLAGS}
    return SlideNode(
        tag=str(row["tag"])[:64],
        box=_box(row["box"]),
        full=_box(row["full"]),
        parent=parent,
        text_length=int(row["text"]),
        lines=tuple(map(_box, row["lines"])),
        full_lines=tuple(map(_box, row["full_lines"])),
        opacity=float(row["opacity"]),
        background_alpha=float(row["background_alpha"]),
        **flags,
    )


_FLAGS = ("is_text", "is_image", "is_icon", "background_image", "border", "clips", "positioned", "kept", "shown")


def _box(values: Sequence[float]) -> Box:
    left, top, right, bottom = (float(value) for value in values)
    return left, top, right, bottom


def from_scene(scene: Scene) -> tuple[SlideTree, ...]:
    """The trees of an ordinary render: one of an HTML slide, one for each slide of a deck; none if it failed.

    An HTML scene knows no class names, background pictures or opacity between 0 and 1, so icons are `<i>` only and
    decorated boxes weigh nothing. Nesting is that of the source. Of a deck, a shape holds its text.
    """
    if scene.error is not None:
        return ()
    if scene.kind != "pptx":
        return (_html_tree(scene),)
    # The slides of a deck stand below each other; one without any shape has no element.
    height = next((e.clip[3] - e.clip[1] for e in scene.elements if e.clip is not None), float(scene.height))
    slides = [(0.0, n * height, float(scene.width), (n + 1) * height) for n in range(round(scene.height / height))]
    return tuple(_deck_tree([e for e in scene.elements if e.clip == slide], slide) for slide in slides)


def _html_tree(scene: Scene) -> SlideTree:
    view = (0.0, 0.0, float(VIEW[0]), float(VIEW[1]))
    boxes = [element for element in scene.elements if not _is_text(element)]
    # The source of an inner element lies in that of the outer one.
    boxes.sort(key=lambda element: _span(element)[1] - _span(element)[0], reverse=True)
    parents = _parents([_span(element) for element in boxes])
    texts: list[list[Element]] = [[] for _ in boxes]
    owners = {_span(element): index for index, element in enumerate(boxes)}
    for element in scene.elements:
        if _is_text(element) and _span(element) in owners:
            texts[owners[_span(element)]].append(element)
    lengths = [sum(len(text.text) + 1 for text in own) for own in texts]
    for index in range(len(boxes) - 1, -1, -1):
        if parents[index] >= 0:
            lengths[parents[index]] += lengths[index]
    nodes = [
        _scene_node(element.kind, element, own, min(_LONGEST, max(0, length - 1)), parent, view)
        for element, own, length, parent in zip(boxes, texts, lengths, parents, strict=True)
    ]
    return SlideTree(view[2], view[3], tuple(nodes), trimmed=True)


def _parents(spans: Sequence[tuple[int, int]]) -> list[int]:
    """For spans from the longest to the shortest the index of the shortest one around each, -1 if there is none."""
    found = []
    for index, (start, end) in enumerate(spans):
        around = (
            k
            for k in range(index - 1, -1, -1)
            if spans[k][0] <= start and end <= spans[k][1] and spans[k] != (start, end)
        )
        found.append(next(around, -1))
    return found


def _deck_tree(elements: Sequence[Element], slide: Box) -> SlideTree:
    moved = [_moved(element, slide) for element in elements]
    view = (0.0, 0.0, slide[2] - slide[0], slide[3] - slide[1])
    owners = {element.group: index for index, element in enumerate(moved) if not _is_text(element)}
    nodes = []
    for element in moved:
        tag = _SHAPES.get(element.kind, "div")
        parent = owners.get(element.group, -1) if _is_text(element) else -1
        text = [element] if _is_text(element) else []
        nodes.append(_scene_node(tag, element, text, min(_LONGEST, len(element.text)), parent, view))
    return SlideTree(view[2], view[3], tuple(nodes), trimmed=True)


def _moved(element: Element, slide: Box) -> Element:
    def shift(box: Box) -> Box:
        return box[0] - slide[0], box[1] - slide[1], box[2] - slide[0], box[3] - slide[1]

    return dataclasses.replace(element, box=shift(element.box), parts=tuple(map(shift, element.parts)))


def _scene_node(tag: str, element: Element, texts: Sequence[Element], length: int, parent: int, view: Box) -> SlideNode:
    lines = tuple(part for text in texts for part in (text.parts or (text.box,)))
    clipped = tuple(box for line in lines if geometry.area(box := geometry.intersection(line, view)) > 0)
    box = geometry.intersection(element.box, view)
    return SlideNode(
        tag=tag,
        box=(*box[:2], max(box[0], box[2]), max(box[1], box[3])),
        full=element.box,
        parent=parent,
        text_length=length,
        lines=clipped[:_MOST_LINES],
        full_lines=lines,
        is_text=length > 0 and (tag in _TEXT_TAGS or bool(clipped) or length >= 24),
        is_image=tag in _IMAGE_TAGS,
        is_icon=tag == "i" and length <= 16,
        background_alpha=float(element.background is not None),
        clips=False,
        kept=geometry.area(box) > 0,
    )


def _is_text(element: Element) -> bool:
    return bool(element.text.strip()) and element.font_size > 0


def _span(element: Element) -> tuple[int, int]:
    return (element.statements[0].start, element.statements[0].end) if element.statements else (-1, -1)
