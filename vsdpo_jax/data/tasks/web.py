"""Web-page tasks: a heading and cards. Texts are stated by the instruction, layout and colours only in the image."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np

from vsdpo_jax.data.tasks import words
from vsdpo_jax.data.tasks.domain import Blame, Domain, choose, draw_labels, draw_title
from vsdpo_jax.data.tasks.program import Part

DIRECTIONS = ("row", "column")
# Dark enough for white text.
CARD_COLORS = ("red", "green", "blue", "purple", "brown", "teal", "navy", "gray")
HEADING_COLORS = ("black", "darkred", "navy", "darkgreen")


@dataclasses.dataclass(frozen=True)
class Content:
    """What the instruction states. `note` may be empty."""

    title: str
    unit: str
    labels: tuple[str, ...]
    values: tuple[int, ...]
    note: str = ""


@dataclasses.dataclass(frozen=True)
class Decisions:
    """What the author of a page decides. Sizes and positions are in CSS pixels.

    Attributes:
      direction: of the cards, one of `DIRECTIONS`.
      heading: background of the heading.
      color: background of the cards.
      title_size, title_color: text of the heading, which does not wrap.
      width: of a card, which neither grows nor shrinks.
      card_size, card_color: text of the cards.
      shift: top margin of the second card; 0 writes no rule for it.
      show_note: write the note.
      note_left, note_top, note_color: of the note, which stands by itself.
      failures: none; a browser renders any page.
    """

    direction: str
    heading: str
    color: str
    title_size: int = 48
    title_color: str = "white"
    width: int = 200
    card_size: int = 28
    card_color: str = "white"
    shift: int = 0
    show_note: bool = False
    note_left: int = 700
    note_top: int = 600
    note_color: str = "black"
    failures: tuple[tuple[str, str], ...] = ()


HABITS = {
    "direction": {"row": 3, "column": 2},
    "heading": dict.fromkeys(HEADING_COLORS, 1),
    "color": dict.fromkeys(CARD_COLORS, 1),
    "title_size": {48: 4, 40: 1, 90: 2, 120: 2, 5: 1},
    "title_color": {"white": 4, "yellow": 1, "black": 2, "gray": 2},
    "width": {200: 4, 240: 1, 60: 2, 90: 2, 400: 2},
    "card_size": {28: 4, 24: 1, 5: 2, 60: 2, 90: 1},
    "card_color": {"white": 4, "black": 2, "gray": 2, "yellow": 1},
    "shift": {0: 3, 9: 1, 15: 1},
    "show_note": {True: 3, False: 1},
    "note_left": {700: 3, 60: 1, 1200: 2, 1260: 1},
    "note_top": {600: 3, 20: 1, 150: 2, 400: 1},
    "note_color": {"black": 3, "lightgray": 2, "yellow": 2},
}
_COLORS = ("title_color", "card_color", "note_color", "heading", "color")
_SIZES = ("title_size", "card_size")
BLAME = Blame(
    owned={
        "title": ("title_size", "title_color", "heading"),
        "cards": ("direction", "shift"),
        "card": ("width", "card_size", "card_color", "color", "shift"),
        "shift": ("shift",),
        "note": ("note_left", "note_top", "note_color"),
    },
    relevant={
        "low_contrast": _COLORS,
        "wrong_color": _COLORS,
        "unreadable_size": _SIZES,
        "misalignment": ("shift", "direction"),
    },
    presence=("show_note",),
    places=("width", "note_left", "note_top", "shift", *_SIZES),
    room=(),
    form=("direction",),
)


def draw(rng: np.random.Generator, subject: words.Subject, group: words.Group) -> tuple[Content, Decisions]:
    """A page whose every decision suits it, as `Domain.draw`."""
    count = int(rng.integers(3, 6))
    labels = draw_labels(rng, group, count)
    title = draw_title(rng, subject, group)
    steps = rng.integers(subject.low // subject.step, subject.high // subject.step + 1, count)
    with_note = bool(rng.integers(2))
    note = choose(rng, words.NOTES) if with_note else ""
    content = Content(title, subject.unit, labels, tuple(int(step) * subject.step for step in steps), note)
    decisions = Decisions(
        direction=choose(rng, DIRECTIONS),
        heading=choose(rng, HEADING_COLORS),
        color=choose(rng, CARD_COLORS),
        show_note=with_note,
    )
    return content, decisions


def instruct(content: Content) -> str:
    """The text of the prompt. It names neither the layout nor a colour."""
    lines = [f"Title: {content.title}", f"Unit: {content.unit}"]
    lines += [f"{label}: {value}" for label, value in zip(content.labels, content.values, strict=True)]
    if content.note:
        lines.append(f"Note: {content.note}")
    return "\n".join([*lines, "Write HTML for the page in the image."])


def statements(content: Content, d: Decisions) -> Iterator[tuple[str, Sequence[Part]]]:
    """The lines of the page in order: (role, parts)."""
    yield "style", ["<style>"]
    yield "body", ["body{margin:0;font-family:sans-serif}"]
    yield (
        "title",
        [
            "h1{margin:0;padding:20px;white-space:nowrap;font-size:",
            ("title_size", str(d.title_size)),
            "px;color:",
            ("title_color", d.title_color),
            ";background:",
            ("heading", d.heading),
            "}",
        ],
    )
    yield "cards", ["main{display:flex;gap:20px;padding:20px;flex-direction:", ("direction", d.direction), "}"]
    yield (
        "card",
        [
            "div{flex:none;padding:10px;width:",
            ("width", str(d.width)),
            "px;font-size:",
            ("card_size", str(d.card_size)),
            "px;color:",
            ("card_color", d.card_color),
            ";background:",
            ("color", d.color),
            "}",
        ],
    )
    if d.shift:
        yield "shift", ["div:nth-child(2){margin:", ("shift", str(d.shift)), "px 0 0 0}"]
    note = content.note if d.show_note else ""
    if note:
        yield (
            "note",
            [
                ("show_note", "p"),
                "{position:absolute;margin:0;font-size:24px;left:",
                ("note_left", str(d.note_left)),
                "px;top:",
                ("note_top", str(d.note_top)),
                "px;color:",
                ("note_color", d.note_color),
                "}",
            ],
        )
    yield "style", ["</style>"]
    yield "title", [f"<h1>{content.title}</h1>"]
    yield "cards", ["<main>"]
    for label, value in zip(content.labels, content.values, strict=True):
        yield "card", [f"<div>{label}<br>{value} {content.unit}</div>"]
    yield "cards", ["</main>"]
    if note:
        yield "note", [f"<p>{note}</p>"]


WEB = Domain(
    name="web",
    kind="web",
    habits=HABITS,
    seen=("direction", "heading", "color"),
    optional=("show_note",),
    failures={},
    blame=BLAME,
    draw=draw,
    instruct=instruct,
    statements=statements,
)
