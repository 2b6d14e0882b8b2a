"""How a defect is made from the elements of a scene."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence

from vsdpo_jax.types import Box, Defect, Element, Scene, Statement

# Elements that show data.
MARKS = ("bar", "line", "points", "wedge", "area")


# Which change of an element's looks can cause a kind of defect.
_CAUSES = {
    "low_contrast": ("color",),
    "wrong_color": ("color",),
    "unreadable_size": ("fontsize",),
    "clipped_text": ("wrap", "position", "rotation", "fontsize"),
    "off_canvas": ("position",),
    "overflow": ("wrap", "position"),
    "collision": ("position",),
    "misalignment": ("position",),
    "aspect_ratio": ("position",),
    "overlap": ("position", "rotation", "fontsize"),
    "white_space": ("fontsize", "position"),
    "imbalance": ("position",),
    "wrong_layout": ("position",),
}


def responsible(element: Element, kind: str, excused: Collection[Statement] = ()) -> tuple[Statement, ...]:
    """The statements of an element, the most responsible first.

    A later change of the looks in question comes first, then the statement that made the element, then its callers,
    from the inside out. Behind all of these stand the `excused` ones, in the same order: a helper, or a rule, most of
    whose products are fine is less to blame than the line that called it with bad values.
    """
    styles = dict(element.styles)
    if element.kind == "tick_label":
        # An axis moves its own labels whenever the layout changes: `tight_layout` is not to blame for where they are.
        styles.pop("position", None)
    changes = [styles[name] for name in _CAUSES.get(kind, ()) if name in styles]
    chain = dict.fromkeys([*changes, *element.statements])
    return tuple(sorted(chain, key=lambda statement: statement in excused))


def excused(scene: Scene, kind: str, indices: Collection[int]) -> frozenset[Statement]:
    """Statements that are behind at least as many elements without the defect as with it."""
    causes = _CAUSES.get(kind, ())
    having: Counter[Statement] = Counter()
    faulty: Counter[Statement] = Counter()
    # A tag, or a shape, with words in it is two elements.
    worded = any(scene.elements[index].text for index in indices)
    for index, element in enumerate(scene.elements):
        if bool(element.text) == worded:
            behind = {*element.statements, *(statement for name, statement in element.styles if name in causes)}
            having.update(behind)
            if index in indices:
                faulty.update(behind)
    # Of two things in each other's way one is right.
    pair = len(indices) == 2 and kind in ("overlap", "collision", "misalignment")
    wrong = {statement: 1 if pair and count == 2 else count for statement, count in faulty.items()}
    return frozenset(statement for statement, count in wrong.items() if 2 * count <= having[statement])


def make_defect(kind: str, message: str, scene: Scene, indices: Iterable[int], boxes: Sequence[Box] = ()) -> Defect:
    """A defect of some elements; its regions are their boxes unless `boxes` says otherwise."""
    indices = tuple(dict.fromkeys(indices))
    elements = [scene.elements[index] for index in indices]
    innocent = excused(scene, kind, indices)
    statements: dict[Statement, int] = {}
    for element in elements:
        for rank, statement in enumerate(responsible(element, kind, innocent)):
            statements[statement] = min(rank, statements.get(statement, rank))
    ordered = tuple(sorted(statements, key=lambda statement: statements[statement]))
    return Defect(kind, message, tuple(boxes) or tuple(element.box for element in elements), indices, ordered)
