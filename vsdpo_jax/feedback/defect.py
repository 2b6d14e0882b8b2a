"""How a defect is made from the elements of a scene."""

from __future__ import annotations

import ast
import functools
import textwrap
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
    "overflow": ("wrap", "height", "position"),
    "collision": ("position",),
    "misalignment": ("position",),
    "aspect_ratio": ("position",),
    "overlap": ("position", "rotation", "fontsize"),
    "white_space": ("fontsize", "position"),
    "imbalance": ("position",),
    "wrong_layout": ("position",),
}


def responsible(
    scene: Scene, element: Element, kind: str, excused: Collection[Statement] = ()
) -> tuple[Statement, ...]:
    """The statements of an element, the most responsible first.

    A later change of the looks in question comes first, then the statement that made the element, then its callers,
    from the inside out. Behind all of these stand statements of a function that only pass on what its caller says, and
    behind these the `excused` ones: a helper, or a rule, most of whose products are fine is less to blame than the line
    that called it with bad values.
    """
    styles = dict(element.styles)
    if element.kind == "tick_label":
        # An axis moves its own labels whenever the layout changes: `tight_layout` is not to blame for where they are.
        styles.pop("position", None)
    changes = [styles[name] for name in _CAUSES.get(kind, ()) if name in styles]
    chain = dict.fromkeys([*changes, *element.statements])
    if len(chain) == 1:
        return tuple(chain)
    # Whatever the values, it is the inner statement that calls `bar` and not `plot`.
    values = kind != "wrong_type" and scene.kind in ("chart", "pptx")
    # A rule that forbids line breaks is at fault even if most texts below it are short.
    unbroken = styles.get("wrap") if "wrap" in _CAUSES.get(kind, ()) else None
    return tuple(
        sorted(chain, key=lambda one: (one in excused and one != unbroken, values and _passes_on(scene.source, one)))
    )


@functools.lru_cache(8192)
def _passes_on(source: str, statement: Statement) -> bool:
    """A statement in a function, without a number or a text of its own: `slide.shapes.add_textbox(left, top)`."""
    if not _is_in_function(source, statement.start):
        return False
    try:
        tree = ast.parse(textwrap.dedent(source[statement.start : statement.end]))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Constant) and _says_something(node.value):
            return False
        # An index says where a value is, not what it is.
        waiting.extend([node.value] if isinstance(node, ast.Subscript) else ast.iter_child_nodes(node))
    return True


def _is_in_function(source: str, start: int) -> bool:
    """Whether one of the less and less indented lines above a place begins a function."""
    lines = source[:start].split("\n")
    indent = len(lines.pop())
    for line in reversed(lines):
        words = line.lstrip()
        if words and len(line) - len(words) < indent:
            indent = len(line) - len(words)
            if words.startswith(("def ", "async def ")):
                return True
        if not indent:
            break
    return False


def _says_something(value: object) -> bool:
    if isinstance(value, str):
        return bool(value.strip())
    return isinstance(value, (int, float)) and not isinstance(value, bool)


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


def cause(scene: Scene, element: Element, kind: str) -> tuple:
    """What two elements share if one mistake gave both of them a defect of this kind.

    In a chart this is their group. On pages and slides, where every tag or shape is a group of its own, it is the
    statement that is most responsible: one rule, or one line of a loop, has made them all so.
    """
    chain = () if scene.kind == "chart" else responsible(scene, element, kind)
    return (element.kind, chain[0]) if chain else (element.group,)


def make_defect(kind: str, message: str, scene: Scene, indices: Iterable[int], boxes: Sequence[Box] = ()) -> Defect:
    """A defect of some elements; its regions are their boxes unless `boxes` says otherwise."""
    indices = tuple(dict.fromkeys(indices))
    elements = [scene.elements[index] for index in indices]
    innocent = excused(scene, kind, indices)
    statements: dict[Statement, int] = {}
    for element in elements:
        for rank, statement in enumerate(responsible(scene, element, kind, innocent)):
            statements[statement] = min(rank, statements.get(statement, rank))
    ordered = tuple(sorted(statements, key=lambda statement: statements[statement]))
    return Defect(kind, message, tuple(boxes) or tuple(element.box for element in elements), indices, ordered)
