"""What a person calls the elements of a render."""

from __future__ import annotations

from collections.abc import Sequence

from vsdpo_jax.types import Element

_SINGLE = {"title": "title", "legend": "legend", "axes": "plot area"}
_MARKS = {"bar": "bars", "line": "line", "points": "points", "wedge": "pie", "area": "area"}
# Tags of pages, and kinds of shapes, that say little to a reader.
_THINGS = {
    **dict.fromkeys(("div", "section", "article", "main", "header", "footer", "aside", "form", "fieldset"), "box"),
    **dict.fromkeys(("td", "th"), "cell"),
    **dict.fromkeys(("ul", "ol", "dl"), "list"),
    **dict.fromkeys(("h1", "h2", "h3", "h4", "h5", "h6"), "heading"),
    **dict.fromkeys(("svg", "canvas"), "drawing"),
    "img": "picture",
    "li": "list entry",
    "p": "paragraph",
    "pre": "code block",
    "a": "link",
    "nav": "menu",
}
LONGEST = 24


def name_of(elements: Sequence[Element]) -> str:
    """A name for elements of one sort: `the title`, `the x tick labels`, `the texts 'survey' and 'rent'`."""
    first = elements[0]
    if first.kind == "tick_label":
        return f"the {_axis(first)} tick labels"
    if first.kind == "axis_label":
        return f"the {_axis(first)} axis label"
    if first.kind == "line" and len({element.group for element in elements}) > 1:
        return "the lines"
    if first.kind in _MARKS:
        return f"the {_MARKS[first.kind]}"
    if first.kind in _SINGLE:
        return f"the {_SINGLE[first.kind]}" + ("s" if len(_distinct(elements)) > 1 else "")
    if first.kind == "annotation":
        return "the value labels" if len(elements) > 1 else f"the label {quoted(first.text)}"
    if first.text:
        return f"the text{'s' if len(_distinct(elements)) > 1 else ''} {_listed(elements)}"
    return f"the {thing(first)}" + ("s" if len(_distinct(elements)) > 1 else "")


def thing(element: Element) -> str:
    """A word for a box by its tag or shape: `picture`, `box`, `cell`."""
    return _THINGS.get(element.kind, element.kind.replace("_", " "))


def quoted(text: str, limit: int = LONGEST) -> str:
    """The text in quotes, at most `limit` characters of it."""
    words = " ".join(text.split())
    return repr(words if len(words) <= limit else words[: limit - 1].rstrip() + "…")


def is_plural(elements: Sequence[Element]) -> bool:
    """Whether the name of the elements takes a plural verb."""
    kind = elements[0].kind
    if kind == "line":
        return len({element.group for element in elements}) > 1
    if kind in ("tick_label", "bar", "points"):
        return True
    return kind not in ("axis_label", *_MARKS) and len(_distinct(elements)) > 1


def are(elements: Sequence[Element]) -> str:
    """`are` or `is`, as the name of the elements demands."""
    return "are" if is_plural(elements) else "is"


def _distinct(elements: Sequence[Element]) -> list[Element]:
    return list({id(element): element for element in elements}.values())


def _listed(elements: Sequence[Element]) -> str:
    """`'survey'`, `'survey' and 'rent'`, `'survey', 'rent' and 3 more`; what is there several times is said once."""
    words = list(dict.fromkeys(quoted(element.text) for element in elements))
    if len(words) <= 2:
        return " and ".join(words)
    return f"{words[0]}, {words[1]} and {len(words) - 2} more"


def _axis(element: Element) -> str:
    return "y" if element.group.rsplit("/", 1)[-1].startswith("y") else "x"
