"""How Design2Code prepares the source of a page: the clean-up of a model's answer, and copies in which every text has
a color of its own (arXiv 2403.03163, appendix; the rules are those of the published evaluation).

All of it works on what Beautiful Soup's `html.parser` makes of the source, because the benchmark does: the browser gets
the text that this parser writes back, with the nesting that it saw.
"""

from __future__ import annotations

import dataclasses
import difflib
import re
from collections.abc import Iterator

from bs4 import BeautifulSoup
from bs4.element import Comment, NavigableString, PageElement, Tag
from PIL import ImageColor

# The texts below these tags get a color of their own; others have that of the nearest tag around them.
COLORED = frozenset(
    "p h1 h2 h3 h4 h5 h6 div span a b li table td th button footer header figcaption".split()
)  # fmt: skip
LEVELS = range(10, 251, 16)
# One pass can tell this many colors apart.
COLORS = len(LEVELS) ** 3
SHIFT = 50
_CHUNK, _ALIKE, _REPEATS = 100, 0.8, 5
_COPIES = 50
_BLACK = "#000000"

Rgb = tuple[int, int, int]


@dataclasses.dataclass(frozen=True)
class ColoredPage:
    """Two copies of a page, whose texts differ in color by `SHIFT`, and the texts with their color in the first.

    `texts` are in the order of the document; those without a color of their own are left out.
    """

    first: str
    second: str
    texts: tuple[tuple[str, Rgb], ...]


def clean_answer(html: str) -> str:
    """A model's page as the benchmark renders it: cut where it begins to repeat itself, wrapped in `<html>` where that
    is missing, written anew by the parser, and without the copies after the fiftieth of the same element."""
    html = cut_repetition(html)
    if not re.search(r"<html[^>]*>", html, re.IGNORECASE):
        html = f"<html><body><p>{html}</p></body></html>"
    soup = BeautifulSoup(html, "html.parser")
    counts: dict[str, int] = {}
    for element in soup.find_all(True):
        if element.decomposed:
            continue
        text = str(element)
        counts[text] = counts.get(text, 0) + 1
        if counts[text] > _COPIES:
            element.decompose()
    return str(soup)


def cut_repetition(html: str) -> str:
    """The page up to where a piece of text begins that comes five times or more, all of it if there is none.

    Pieces are 100 characters of the text without tags; a piece belongs to the first earlier one that is similar.
    """
    places = [index for start, end in _outside_tags(html) for index in range(start, end)]
    text = "".join(html[index] for index in places)
    seen: dict[str, list[int]] = {}
    # The published rule compares places in the source with the length of the text; it is kept as it is.
    cut = len(text)
    for number, start in enumerate(range(0, len(text), _CHUNK)):
        chunk = text[start : start + _CHUNK]
        for earlier, numbers in seen.items():
            if difflib.SequenceMatcher(None, chunk, earlier).ratio() >= _ALIKE:
                numbers.append(number)
                if len(numbers) >= _REPEATS:
                    first = min(cut, numbers[0] * _CHUNK)
                    cut = min(cut, places[first] if first < len(places) else len(html))
                break
        else:
            seen[chunk] = [number]
    return html if cut == len(text) else html[:cut]


def _outside_tags(html: str) -> Iterator[tuple[int, int]]:
    at = 0
    for tag in re.finditer("<.*?>", html):
        yield at, tag.start()
        at = tag.end()
    yield at, len(html)


def passes(html: str) -> int:
    """How many `colored` pages it takes to give every text a color; 0 if there is none to color."""
    return -(-len(BeautifulSoup(html, "html.parser").find_all(list(COLORED))) // COLORS)


def colored(html: str, turn: int = 0) -> ColoredPage:
    """The recolored copies of a page.

    Args:
      html: the page.
      turn: tags number `turn * COLORS` and the 4,095 after it get their colors; the texts of the other tags are made
        transparent. The published evaluation ends with an error on a page with more than 4,096 such tags.

    Raises:
      ValueError: a style that the published evaluation cannot read either.
    """
    first, second = _recolor(html, turn, 0), _recolor(html, turn, SHIFT)
    # Read from the written text again, as the benchmark does: it may be parsed differently.
    body = BeautifulSoup(first, "html.parser").body
    found = _texts(body) if body is not None else ()
    texts = ((text, _rgb(color)) for text, color in found)
    return ColoredPage(first, second, tuple((text, color) for text, color in texts if color is not None))


def _recolor(html: str, turn: int, shift: int) -> str:
    soup = BeautifulSoup(html, "html.parser")
    for element in soup.find_all(True):
        _set_style(element, "background-color", "rgba(255, 255, 255, 0.0)")
    for number, tag in enumerate(soup.find_all(list(COLORED))):
        own = turn * COLORS <= number < (turn + 1) * COLORS
        _set_style(tag, "color", _color(number % COLORS, shift) if own else "transparent")
        _set_style(tag, "opacity", "1.0")
    return str(soup)


def _color(number: int, shift: int) -> str:
    """Color of the tag with this number: the grid from its bright end, blue changing fastest."""
    place = COLORS - 1 - number
    red, rest = divmod(place, len(LEVELS) ** 2)
    green, blue = divmod(rest, len(LEVELS))
    return "#" + "".join(f"{(LEVELS[level] + shift) % 256:02X}" for level in (red, green, blue))


def _set_style(element: Tag, name: str, value: str) -> None:
    """Sets a property in the `style` attribute; entries that begin with its name go, whatever they are."""
    styles = str(element.attrs.get("style", "")).split(";")
    kept = [style for style in styles if style.strip() and not style.strip().startswith(name)]
    element["style"] = "; ".join([*kept, f"{name}: {value} !important"]).strip()


def _texts(body: Tag) -> Iterator[tuple[str, str]]:
    """The texts in the order of the document with the color written at the nearest tag that has one."""
    waiting: list[tuple[PageElement, str]] = [(body, _BLACK)]
    while waiting:
        node, color = waiting.pop()
        if isinstance(node, Tag):
            color = _written_color(node) or color
            waiting.extend((child, color) for child in reversed(node.contents))
        elif isinstance(node, NavigableString) and not isinstance(node, Comment) and node.strip():
            yield node.strip(), color


def _written_color(tag: Tag) -> str | None:
    """The last entry of the `style` attribute that mentions a color, as written; None if it is none that counts."""
    entries = [s for s in str(tag.attrs.get("style", "")).split(";") if "color" in s and "background-color" not in s]
    if not entries:
        return None
    parts = entries[-1].split(":")
    value = parts[1].strip().replace(" !important", "") if len(parts) > 1 else ""
    if not value:
        raise ValueError(f"the style {entries[-1]!r} names no color")
    if value.startswith("#"):
        return value
    try:
        numbers = tuple(map(int, value[4:-1].split(","))) if value.startswith("rgb") else ImageColor.getrgb(value)
        return "#" + "".join(f"{number:02x}" for number in numbers)
    except ValueError:
        return None


def _rgb(color: str) -> Rgb | None:
    """The color of six hexadecimal digits or more; None for any other, whose texts are dropped."""
    digits = color.lstrip("#")
    try:
        red, green, blue = (int(digits[place : place + 2], 16) for place in (0, 2, 4))
    except ValueError:
        return None
    return red, green, blue
