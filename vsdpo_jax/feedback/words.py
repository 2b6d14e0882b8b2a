"""What a person calls the elements of a render."""

from __future__ import annotations

from collections.abc import Sequence

from vsdpo_jax.types import Element

_SINGLE = {"title": "the title", "legend": "the legend", "axes": "the plot area"}
_MARKS = {"bar": "bars", "line": "line", "points": "points", "wedge": "pie", "area": "area"}


def name_of(elements: Sequence[Element]) -> str:
    """A name for elements of one group: `the title`, `the x tick labels`, `the text 'survey'`."""
    first = elements[0]
    if first.kind in _SINGLE:
        return _SINGLE[first.kind]
    if first.kind == "tick_label":
        return f"the {_axis(first)} tick labels"
    if first.kind == "axis_label":
        return f"the {_axis(first)} axis label"
    if first.kind in _MARKS:
        return f"the {_MARKS[first.kind]}"
    if first.kind == "annotation":
        return "the value labels" if len(elements) > 1 else f"the label {_quoted(first.text)}"
    if first.text:
        return f"the text {_quoted(first.text)}"
    return f"the {first.kind.replace('_', ' ')}"


def _axis(element: Element) -> str:
    return "y" if element.group.rsplit("/", 1)[-1].startswith("y") else "x"


def _quoted(text: str, limit: int = 24) -> str:
    words = " ".join(text.split())
    return repr(words if len(words) <= limit else words[: limit - 1] + "…")


def is_plural(elements: Sequence[Element]) -> bool:
    """Whether the name of the elements takes a plural verb."""
    return name_of(elements).endswith("s") and elements[0].kind in ("tick_label", "annotation", "bar", "points")


def are(elements: Sequence[Element]) -> str:
    """`are` or `is`, as the name of the elements demands."""
    return "are" if is_plural(elements) else "is"
