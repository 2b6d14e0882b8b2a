"""Element collision on a slide. AeSlides (arXiv 2604.22840) names the rule and its three kinds of defects but publishes
neither thresholds nor formula; everything here is our own definition.

The content of a slide is its texts (the lines that an element writes itself), pictures and icons. A unit of content is
defective if

(a) it covers more than a tenth of another, unrelated unit, or is so covered;
(b) it runs more than 4 pixels out of the nearest box around it that can be seen or that clips;
(c) it runs more than 4 pixels off the slide.

The score is one minus the share of defective content, units weighted by the square root of their area: many tiny clean
texts do not hide a large broken one. Left out on purpose: a text placed on a picture (captions, text over a hero
picture), pictures that cover most of the slide, and what was placed out of the flow on the edge of its box (badges).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

from vsdpo_jax.feedback import geometry
from vsdpo_jax.reward.slide_tree import SlideTree
from vsdpo_jax.types import Box

_OVERLAP_SHARE, _OVERLAP_AREA = 0.10, 25.0
_EXCESS = 4.0
_LEAST_AREA, _LEAST_OPACITY = 16.0, 0.05
_BACKDROP = 0.5
_CAPTION = 0.9
_VISIBLE_ALPHA = 0.05
# Line boxes are as high as the font's ascent and descent; letters fill about this much of them.
_TRIM_TOP, _TRIM_BOTTOM = 0.18, 0.14


@dataclasses.dataclass(frozen=True)
class Collision:
    """The score, 0–1, and a line for every defect."""

    score: float
    defects: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class _Unit:
    index: int
    boxes: tuple[Box, ...]
    is_text: bool

    @property
    def area(self) -> float:
        return sum(map(geometry.area, self.boxes))

    @property
    def bounds(self) -> Box:
        return geometry.union(self.boxes)


def collision(tree: SlideTree) -> Collision:
    """The collision score of a slide; 0 for one without content."""
    units = _units(tree)
    if not units:
        return Collision(0.0, ())
    defective: set[int] = set()
    defects: list[str] = []
    around = [set(tree.ancestors(unit.index)) for unit in units]
    for first in range(len(units)):
        for second in range(first + 1, len(units)):
            if _collide(tree, units[first], units[second], around[first], around[second]):
                defective |= {first, second}
                defects.append(f"{_name(tree, units[first])} and {_name(tree, units[second])} cover each other")
    for place, unit in enumerate(units):
        for text, outer in _limits(tree, unit):
            excess = _excess(unit.bounds, outer)
            if excess > _EXCESS:
                defective.add(place)
                defects.append(f"{_name(tree, unit)} runs {round(excess)} px {text}")
    weights = [math.sqrt(unit.area) for unit in units]
    bad = sum(weights[place] for place in defective)
    return Collision(1 - bad / sum(weights), tuple(defects))


def _units(tree: SlideTree) -> list[_Unit]:
    found = []
    for index, node in enumerate(tree.nodes):
        if not node.shown or node.opacity < _LEAST_OPACITY or node.tag in ("html", "body"):
            continue
        if node.full_lines:
            lines = node.full_lines if tree.trimmed else tuple(map(_letters, node.full_lines))
            unit = _Unit(index, lines, True)
        elif node.is_image or node.is_icon:
            unit = _Unit(index, (node.full,), False)
        else:
            continue
        backdrop = not unit.is_text and unit.area > _BACKDROP * tree.width * tree.height
        if unit.area >= _LEAST_AREA and not backdrop:
            found.append(unit)
    return found


def _letters(line: Box) -> Box:
    height = line[3] - line[1]
    return line[0], line[1] + _TRIM_TOP * height, line[2], line[3] - _TRIM_BOTTOM * height


def _collide(tree: SlideTree, first: _Unit, second: _Unit, above_first: set[int], above_second: set[int]) -> bool:
    if first.index in above_second or second.index in above_first:
        return False
    shared = sum(geometry.area(geometry.intersection(a, b)) for a in first.boxes for b in second.boxes)
    if shared <= _OVERLAP_AREA or shared <= _OVERLAP_SHARE * min(first.area, second.area):
        return False
    if first.is_text != second.is_text:
        text, picture = (first, second) if first.is_text else (second, first)
        common = above_first & above_second
        out_of_flow = any(
            tree.nodes[index].positioned
            for unit, above in ((first, above_first), (second, above_second))
            for index in {unit.index} | (above - common)
        )
        # Only what was placed there on purpose can lie on a picture, and it lies on it wholly.
        return not (out_of_flow and shared >= _CAPTION * text.area and text.area < picture.area)
    return True


def _limits(tree: SlideTree, unit: _Unit) -> Sequence[tuple[str, Box]]:
    """What the unit should stay inside: the slide, and the nearest visible box around it."""
    limits = [("off the slide", (0.0, 0.0, tree.width, tree.height))]
    out_of_flow = tree.nodes[unit.index].positioned
    for index in tree.ancestors(unit.index):
        node = tree.nodes[index]
        if out_of_flow or node.tag in ("html", "body"):
            break
        if node.clips and not unit.is_text:
            # A picture larger than a box that clips it is cropped on purpose.
            break
        visible = node.background_alpha >= _VISIBLE_ALPHA or node.background_image or node.border
        if visible or node.clips:
            limits.append((f"out of its {node.tag}", node.full))
            break
        out_of_flow = node.positioned
    return limits


def _excess(inner: Box, outer: Box) -> float:
    return max(outer[0] - inner[0], outer[1] - inner[1], inner[2] - outer[2], inner[3] - outer[3])


def _name(tree: SlideTree, unit: _Unit) -> str:
    left, top = (round(edge) for edge in unit.bounds[:2])
    return f"the {'text' if unit.is_text else 'picture'} <{tree.nodes[unit.index].tag}> at ({left}, {top})"
