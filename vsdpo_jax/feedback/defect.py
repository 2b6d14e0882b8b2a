"""How a defect is made from the elements of a scene."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from vsdpo_jax.types import Box, Defect, Scene, Statement

# Elements that show data.
MARKS = ("bar", "line", "points", "wedge", "area")


def make_defect(kind: str, message: str, scene: Scene, indices: Iterable[int], boxes: Sequence[Box] = ()) -> Defect:
    """A defect of some elements; its regions are their boxes unless `boxes` says otherwise."""
    indices = tuple(dict.fromkeys(indices))
    elements = [scene.elements[index] for index in indices]
    statements: dict[Statement, int] = {}
    for element in elements:
        for rank, statement in enumerate(element.statements):
            statements[statement] = min(rank, statements.get(statement, rank))
    ordered = tuple(sorted(statements, key=lambda statement: statements[statement]))
    return Defect(kind, message, tuple(boxes) or tuple(element.box for element in elements), indices, ordered)
