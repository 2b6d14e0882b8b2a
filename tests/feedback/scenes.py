"""Scenes made by hand: a canvas of 200 x 100 pixels, a source of one statement a line, elements with known boxes."""

import dataclasses

import numpy as np

from vsdpo_jax.types import Element, Scene, Statement

BLACK, WHITE, BLUE, ORANGE = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), (0.5, 0.7, 1.0), (1.0, 0.5, 0.0)


def statements(source: str) -> tuple[Statement, ...]:
    """Each line that is not blank, from its first to its last character, is a statement."""
    found, at = [], 0
    for number, line in enumerate(source.splitlines(keepends=True), 1):
        words = line.strip()
        if words:
            start = at + line.index(words)
            found.append(Statement(start, start + len(words), number, number))
        at += len(line)
    return tuple(found)


def make_scene(*elements: Element, source: str = "a = 1\nb = 2\nc = 3\n", **changes) -> Scene:
    """The scene of the elements; each box is painted, so that the picture is not blank."""
    image = np.full((100, 200, 3), 255, np.uint8)
    for element in elements:
        left, top, right, bottom = (max(0, round(edge)) for edge in element.box)
        # Text is thin: most of what its box shows is what lies behind it.
        rows, columns = (2, 3) if element.text else (1, 1)
        color = np.round(np.array(element.color or BLACK) * 255)
        image[top:bottom:rows, left:right:columns] = color
    scene = Scene(source, "chart", image, 200, 100, elements, statements(source))
    return dataclasses.replace(scene, **changes)


def text(
    words: str, box, *, kind: str = "text", group: str = "", line: int | None = None, color=BLACK, **more
) -> Element:
    """A text 12 px tall; `line` (from 1) is that of its statement in the source of `make_scene`."""
    owner = () if line is None else (statements("a = 1\nb = 2\nc = 3\n")[line - 1],)
    more = {"font_size": 12.0, "background": WHITE, "statements": owner} | more
    return Element(kind, box, words, color=color, group=group or words, **more)


def mark(kind: str, box, *, group: str = "marks", line: int | None = None, color=BLUE, **more) -> Element:
    """A bar, line, … of one colour."""
    owner = () if line is None else (statements("a = 1\nb = 2\nc = 3\n")[line - 1],)
    return Element(kind, box, color=color, group=group, **({"statements": owner} | more))
