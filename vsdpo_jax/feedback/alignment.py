"""Near-aligned edges and uneven spacing among things of one sort: siblings on a page, shapes on a slide, plots.

A group is split into rows and columns. In a row of three or more, one thing whose top is a little off the line on which
all the others stand is misaligned; of two that are equally large neither is known to be right, and both are named.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

from vsdpo_jax.feedback import geometry
from vsdpo_jax.feedback.defect import make_defect
from vsdpo_jax.feedback.nesting import called, children
from vsdpo_jax.feedback.thresholds import Thresholds
from vsdpo_jax.feedback.words import name_of
from vsdpo_jax.types import Defect, Element, Scene

Indexed = tuple[int, Element]
# Axis of the edge that the members of a row or column share, and its name.
_ROW, _COLUMN = (1, "top"), (0, "left")
# What flows with the text around it, or is laid out by its table, is where it is by no choice of its own.
_FLOWING = frozenset(
    "html body a abbr b br button cite code em i img input kbd label mark q s small span strong sub sup u svg time "
    "tr td th thead tbody tfoot caption col colgroup option path g rect circle line text".split()
)
_SHAPES = ("shape", "picture", "chart", "table", "text_box")


def misalignments(scene: Scene, thresholds: Thresholds) -> Iterator[Defect]:
    """`misalignment` defects; each thing is reported once."""
    seen: set[int] = set()
    for members, others in _groups(scene, thresholds):
        for across, (axis, edge) in ((1, _ROW), (0, _COLUMN)):
            for line in _lines(members, across):
                for indices, message in (
                    *_off_line(scene, line, axis, edge, thresholds),
                    *(() if _is_interrupted(line, others) else _uneven(scene, line, 1 - axis, thresholds)),
                ):
                    if not seen & set(indices):
                        seen |= set(indices)
                        yield make_defect("misalignment", message, scene, indices)


def _groups(scene: Scene, thresholds: Thresholds) -> Iterator[tuple[list[Indexed], list[Element]]]:
    """(members, what else is in the same box) of each group that should be in line."""
    if scene.kind == "chart":
        plots = {e.box: (i, e) for i, e in enumerate(scene.elements) if e.kind == "axes" and "/" not in e.group}
        yield from ((same, []) for same in _of_one_size(list(plots.values()), thresholds))
    elif scene.kind == "pptx":
        shapes: dict[tuple, list[Indexed]] = defaultdict(list)
        for index, element in enumerate(scene.elements):
            if element.kind in _SHAPES and geometry.area(element.box):
                shapes[element.clip, element.kind].append((index, element))
        for members in shapes.values():
            yield from ((same, []) for same in _of_one_size(members, thresholds))
    else:
        yield from children(scene, _FLOWING)


def _of_one_size(members: Sequence[Indexed], thresholds: Thresholds) -> list[list[Indexed]]:
    groups: list[list[Indexed]] = []
    for index, element in members:
        size = np.array(_size(element))
        same = (g for g in groups if np.abs(np.array(_size(g[0][1])) - size).max() <= thresholds.aligned)
        found = next(same, None)
        if found is None:
            groups.append([(index, element)])
        else:
            found.append((index, element))
    return groups


def _size(element: Element) -> tuple[float, float]:
    return element.box[2] - element.box[0], element.box[3] - element.box[1]


def _lines(members: Sequence[Indexed], across: int) -> list[list[Indexed]]:
    """Rows (`across` 1) or columns (0): members that share most of their height or width."""
    lines: list[list[Indexed]] = []
    for index, element in sorted(members, key=lambda pair: pair[1].box[across]):
        low, high = element.box[across], element.box[across + 2]
        for line in lines:
            other = line[0][1].box
            shared = min(high, other[across + 2]) - max(low, other[across])
            if shared > 0.5 * min(high - low, other[across + 2] - other[across]):
                line.append((index, element))
                break
        else:
            lines.append([(index, element)])
    along = 1 - across
    for line in lines:
        line.sort(key=lambda pair: pair[1].box[along])
    return [line for line in lines if not any(
        later.box[along] < earlier.box[along + 2] - 1 for (_, earlier), (_, later) in itertools.pairwise(line)
    )]  # fmt: skip


def _is_interrupted(line: Sequence[Indexed], others: Sequence[Element]) -> bool:
    """Something else stands among the members, and takes part of the space between them."""
    hull = geometry.union(tuple(element.box for _, element in line))
    return any(geometry.area(geometry.intersection(hull, other.box)) for other in others)


def _off_line(
    scene: Scene, line: Sequence[Indexed], axis: int, edge: str, thresholds: Thresholds
) -> Iterator[tuple[list[int], str]]:
    boxes = np.array([element.box for _, element in line])
    low, high = boxes[:, axis], boxes[:, axis + 2]
    if len(line) == 2 and _alike(line, thresholds) and thresholds.aligned < abs(low[0] - low[1]) <= thresholds.near:
        names = " and ".join(called(scene, element) for _, element in line)
        names = "two plots" if line[0][1].kind == "axes" else names
        yield [index for index, _ in line], f"{names} are {abs(low[0] - low[1]):.0f} px out of line"
    if len(line) < 3 or np.ptp((low + high) / 2) <= thresholds.aligned:
        # Centred. The far edges say nothing: in a page they are where the container ends.
        return
    off = np.abs(low - np.median(low))
    odd = np.flatnonzero(off > thresholds.aligned)
    if len(odd) == 1 and off[odd[0]] <= thresholds.near and np.ptp(np.delete(low, odd)) <= thresholds.aligned:
        index, element = line[odd[0]]
        if _is_set_apart(element, [other for i, other in line if i != index]):
            return
        yield [index], f"{called(scene, element)} is {off[odd[0]]:.0f} px off the {edge} edge of its neighbours"


def _is_set_apart(element: Element, others: Sequence[Element]) -> bool:
    """A box with colors, or a border, of its own among boxes of one look is also raised on purpose: `most popular`."""
    looks = {(other.background, other.color) for other in others}
    return len(looks) == 1 and (element.background, element.color) not in looks


def _uneven(
    scene: Scene, line: Sequence[Indexed], axis: int, thresholds: Thresholds
) -> Iterator[tuple[list[int], str]]:
    """One member of a row or column of equally large things that is nearer to one neighbour than all others are."""
    if len(line) < 3 or not _alike(line, thresholds):
        return
    boxes = np.array([element.box for _, element in line])
    gaps = boxes[1:, axis] - boxes[:-1, axis + 2]
    spread = np.ptp(gaps)
    if not thresholds.uneven < spread <= 2 * thresholds.near:
        return
    odd = _misplaced(gaps, thresholds.uneven)
    if odd is not None:
        indices = [line[position][0] for position in odd]
        name = called(scene, line[odd[0]][1]) if len(odd) == 1 else name_of([line[odd[0]][1]])
        yield indices, f"the spaces beside {name} differ by {spread:.0f} px from those between its neighbours"


def _misplaced(gaps: np.ndarray, tolerance: float) -> list[int] | None:
    """Positions of the members that could be moved to make all gaps equal; None if it would take several."""
    usual = float(np.median(gaps)) if len(gaps) > 2 else float(np.mean(gaps))
    odd = np.flatnonzero(np.abs(gaps - usual) > tolerance / 2)
    if len(gaps) == 2:
        # The one in the middle, or either end.
        return [1, 0, 2]
    if len(odd) == 2 and odd[1] == odd[0] + 1:
        return [int(odd[1])]
    if len(odd) == 1:
        # All before it, or all after it, moved together: the member after the gap is the one that a margin belongs to.
        return [int(odd[0]) + 1] if odd[0] < len(gaps) - 1 or len(gaps) == 1 else [int(odd[0]) + 1]
    return None


def _alike(line: Sequence[Indexed], thresholds: Thresholds) -> bool:
    sizes = np.array([_size(element) for _, element in line])
    return bool((np.ptp(sizes, axis=0) <= np.maximum(thresholds.aligned, 0.1 * sizes.min(axis=0))).all())
