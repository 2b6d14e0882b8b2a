"""HTML-slide tasks: a list and a panel. The instruction states the texts; sides and colours are only in the image."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np

from vsdpo_jax.data.tasks import words
from vsdpo_jax.data.tasks.domain import Blame, Domain, choose, draw_labels, draw_title
from vsdpo_jax.data.tasks.program import Part

# Where the list stands: `row` is left of the panel, `row-reverse` right of it.
SIDES = ("row", "row-reverse")
PANEL_COLORS = ("red", "green", "blue", "purple", "brown", "teal", "navy", "gray")
TITLE_COLORS = ("black", "darkred", "navy", "darkgreen", "purple", "brown", "teal", "blue")


@dataclasses.dataclass(frozen=True)
class Content:
    """What the instruction states. `total` stands in the panel, `note` at the foot."""

    title: str
    unit: str
    labels: tuple[str, ...]
    values: tuple[int, ...]
    total: int
    note: str


@dataclasses.dataclass(frozen=True)
class Decisions:
    """What the author of a slide decides. Sizes and positions are in CSS pixels on a slide of 1280 x 720.

    Attributes:
      side: of the list, one of `SIDES`.
      color: background of the panel.
      title_size, title_color: of the title, which does not wrap.
      list_size, list_color: of the list.
      width, height: of the panel.
      panel_size, panel_color: text of the panel.
      show_note: write the note.
      note_left, note_top: of the note.
      failures: none; a browser renders any page.
    """

    side: str
    color: str
    title_color: str
    title_size: int = 56
    list_size: int = 40
    list_color: str = "black"
    width: int = 560
    height: int = 400
    panel_size: int = 64
    panel_color: str = "white"
    show_note: bool = True
    note_left: int = 40
    note_top: int = 660
    failures: tuple[tuple[str, str], ...] = ()


HABITS = {
    "side": {"row": 3, "row-reverse": 2},
    "color": dict.fromkeys(PANEL_COLORS, 1),
    "title_color": {**dict.fromkeys(TITLE_COLORS, 1), "lightgray": 2, "yellow": 1},
    "title_size": {56: 4, 48: 1, 90: 2, 120: 2, 5: 1},
    "list_size": {40: 4, 36: 1, 5: 2, 90: 2, 120: 1},
    "list_color": {"black": 4, "lightgray": 2, "yellow": 1},
    "width": {560: 4, 480: 1, 120: 2, 200: 1},
    "height": {400: 4, 100: 1, 640: 2},
    "panel_size": {64: 4, 48: 1, 5: 1, 150: 2},
    "panel_color": {"white": 4, "black": 2, "gray": 2},
    "show_note": {True: 3, False: 1},
    "note_left": {40: 4, 1240: 2, 700: 1},
    "note_top": {660: 4, 30: 2, 200: 1, 300: 1, 715: 1},
}
_COLORS = ("title_color", "list_color", "panel_color", "color")
_SIZES = ("title_size", "list_size", "panel_size")
BLAME = Blame(
    owned={
        "title": ("title_size", "title_color"),
        "columns": ("side",),
        "list": ("list_size", "list_color"),
        "panel": ("width", "height", "panel_size", "panel_color", "color"),
        "note": ("note_left", "note_top"),
    },
    relevant={
        "low_contrast": _COLORS,
        "wrong_color": _COLORS,
        "unreadable_size": _SIZES,
    },
    presence=("show_note",),
    places=("width", "height", "note_left", "note_top", *_SIZES),
    room=(),
    form=("side",),
)


def draw(rng: np.random.Generator, subject: words.Subject, group: words.Group) -> tuple[Content, Decisions]:
    """A slide whose every decision suits it, as `Domain.draw`."""
    count = int(rng.integers(4, 6))
    labels = draw_labels(rng, group, count)
    title = draw_title(rng, subject, group)
    steps = rng.integers(subject.low // subject.step, subject.high // subject.step + 1, count)
    values = tuple(int(step) * subject.step for step in steps)
    content = Content(title, subject.unit, labels, values, sum(values), choose(rng, words.NOTES))
    decisions = Decisions(
        side=choose(rng, SIDES), color=choose(rng, PANEL_COLORS), title_color=choose(rng, TITLE_COLORS)
    )
    return content, decisions


def instruct(content: Content) -> str:
    """The text of the prompt. It names neither a side nor a colour."""
    lines = [f"Title: {content.title}", f"Unit: {content.unit}"]
    lines += [f"{label}: {value}" for label, value in zip(content.labels, content.values, strict=True)]
    lines += [f"Total: {content.total}", f"Note: {content.note}"]
    return "\n".join([*lines, "Write HTML for the slide in the image."])


def statements(content: Content, d: Decisions) -> Iterator[tuple[str, Sequence[Part]]]:
    """The lines of the slide in order: (role, parts)."""
    yield "style", ["<style>"]
    yield "body", ["body{margin:0;font-family:sans-serif}"]
    yield (
        "title",
        [
            "h1{margin:0;padding:40px;white-space:nowrap;font-size:",
            ("title_size", str(d.title_size)),
            "px;color:",
            ("title_color", d.title_color),
            "}",
        ],
    )
    yield "columns", ["main{display:flex;gap:40px;padding:0 40px;flex-direction:", ("side", d.side), "}"]
    yield (
        "list",
        [
            "ul{flex:1;margin:0;font-size:",
            ("list_size", str(d.list_size)),
            "px;color:",
            ("list_color", d.list_color),
            "}",
        ],
    )
    yield (
        "panel",
        [
            "div{flex:none;padding:20px;width:",
            ("width", str(d.width)),
            "px;height:",
            ("height", str(d.height)),
            "px;font-size:",
            ("panel_size", str(d.panel_size)),
            "px;color:",
            ("panel_color", d.panel_color),
            ";background:",
            ("color", d.color),
            "}",
        ],
    )
    if d.show_note:
        yield (
            "note",
            [
                ("show_note", "p"),
                "{position:absolute;margin:0;font-size:24px;left:",
                ("note_left", str(d.note_left)),
                "px;top:",
                ("note_top", str(d.note_top)),
                "px}",
            ],
        )
    yield "style", ["</style>"]
    yield "title", [f"<h1>{content.title}</h1>"]
    yield "columns", ["<main>"]
    yield "list", ["<ul>"]
    for label, value in zip(content.labels, content.values, strict=True):
        yield "list", [f"<li>{label}: {value}</li>"]
    yield "list", ["</ul>"]
    yield "panel", [f"<div>{content.total} {content.unit}</div>"]
    yield "columns", ["</main>"]
    if d.show_note:
        yield "note", [f"<p>{content.note}</p>"]


SLIDE = Domain(
    name="slide",
    kind="slide",
    habits=HABITS,
    seen=("side", "color", "title_color"),
    optional=(),
    failures={},
    blame=BLAME,
    draw=draw,
    instruct=instruct,
    statements=statements,
)
