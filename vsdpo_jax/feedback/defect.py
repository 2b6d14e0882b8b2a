"""How a defect is made from the elements of a scene."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from vsdpo_jax.types import Box, Defect, Element, Scene, Statement

# Elements that show data.
MARKS = ("bar", "line", "points", "wedge", "area")


# Which change of an element's looks can cause a kind of defect.
_CAUSES = {
    "low_contrast": ("color",),
    "wrong_color": ("color",),
    "unreadable_size": ("fontsize",),
    "clipped_text": ("position", "rotation", "fontsize"),
    "off_canvas": ("position",),
    "overflow": ("position",),
    "collision": ("position",),
    "misalignment": ("position",),
    "aspect_ratio": ("position",),
    "overlap": ("position", "rotation", "fontsize"),
}


def responsible(element: Element, kind: str) -> tuple[Statement, ...]:
    """The statements of an element, the most responsible first: a later change of the looks in question comes first."""
    styles = dict(element.styles)
    if element.kind == "tick_label":
        # An axis moves its own labels whenever the layout changes: `tight_layout` is not to blame for where they are.
        styles.pop("position", None)
    changes = [styles[name] for name in _CAUSES.get(kind, ()) if name in styles]
    return tuple(dict.fromkeys([*changes, *element.statements]))


def make_defect(kind: str, message: str, scene: Scene, indices: Iterable[int], boxes: Sequence[Box] = ()) -> Defect:
    """A defect of some elements; its regions are their boxes unless `boxes` says otherwise."""
    indices = tuple(dict.fromkeys(indices))
    elements = [scene.elements[index] for index in indices]
    statements: dict[Statement, int] = {}
    for element in elements:
        for rank, statement in enumerate(responsible(element, kind)):
            statements[statement] = min(rank, statements.get(statement, rank))
    ordered = tuple(sorted(statements, key=lambda statement: statements[statement]))
    return Defect(kind, message, tuple(boxes) or tuple(element.box for element in elements), indices, ordered)
