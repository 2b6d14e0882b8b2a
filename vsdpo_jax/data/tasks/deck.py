"""python-pptx tasks: a list and a panel. The instruction states the texts; sides and colours are only in the image."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np

from vsdpo_jax.data.tasks import slide, words
from vsdpo_jax.data.tasks.domain import Blame, Domain, choose
from vsdpo_jax.data.tasks.program import Part, replacing
from vsdpo_jax.data.tasks.slide import Content

# Left edges of list and panel in inches.
SIDES = {"left": (0.5, 6.5), "right": (7.0, 0.5)}
# RGB as python-pptx takes it, dark enough for white text.
PANEL_COLORS = ("C00000", "00703C", "1F4E9E", "7030A0", "8B4513", "008080", "404040")
TITLE_COLORS = ("000000", "8B0000", "000080", "006400")


@dataclasses.dataclass(frozen=True)
class Decisions:
    """What the author of a deck decides. Sizes are in points, lengths in inches on a slide of 13.3 x 7.5.

    Attributes:
      list_left, panel_left: left edges, which say what stands on which side.
      color: of the panel.
      title_size, title_color: of the title.
      list_size, list_color: of the list.
      slide_width: of the deck; 10 is python-pptx's own, which is 4:3.
      panel_height: of the panel.
      panel_size, panel_color: text of the panel.
      show_note: write the note.
      note_left, note_top: of the note.
      failures: (role, failure) of statements that raise, see `FAILURES`.
    """

    list_left: float
    panel_left: float
    color: str
    title_color: str
    title_size: int = 36
    list_size: int = 28
    list_color: str = "000000"
    slide_width: float = 13.3
    panel_height: float = 4.0
    panel_size: int = 40
    panel_color: str = "FFFFFF"
    show_note: bool = True
    note_left: float = 0.5
    note_top: float = 6.6
    failures: tuple[tuple[str, str], ...] = ()


HABITS = {
    "list_left": {0.5: 3, 7.0: 2, 5.0: 1},
    "panel_left": {6.5: 3, 0.5: 2, 9.0: 1},
    "color": dict.fromkeys(PANEL_COLORS, 1),
    "title_color": {**dict.fromkeys(TITLE_COLORS, 1), "DDDDDD": 2, "FFFF00": 1},
    "title_size": {36: 4, 32: 1, 72: 2, 96: 1, 4: 1},
    "list_size": {28: 4, 24: 1, 4: 2, 60: 2},
    "list_color": {"000000": 4, "DDDDDD": 2, "FFFF00": 1},
    "slide_width": {13.3: 3, 10: 2},
    "panel_height": {4.0: 4, 1.0: 1, 6.5: 2},
    "panel_size": {40: 4, 32: 1, 4: 1, 96: 2},
    "panel_color": {"FFFFFF": 4, "000000": 2, "404040": 1},
    "show_note": {True: 3, False: 1},
    "note_left": {0.5: 4, 12.9: 2, 6.5: 1},
    "note_top": {6.6: 4, 0.4: 2, 2.5: 1, 7.3: 1},
}
_COLORS = ("title_color", "list_color", "panel_color", "color")
_SIZES = ("title_size", "list_size", "panel_size")
BLAME = Blame(
    owned={
        "size": ("slide_width",),
        "title": ("title_size", "title_color"),
        "list": ("list_left", "list_size", "list_color"),
        "panel": ("panel_left", "panel_height", "panel_size", "panel_color", "color"),
        "note": ("note_left", "note_top"),
    },
    relevant={
        "low_contrast": _COLORS,
        "wrong_color": _COLORS,
        "unreadable_size": _SIZES,
        "aspect_ratio": ("slide_width",),
    },
    presence=("show_note",),
    places=("list_left", "panel_left", "panel_height", "note_left", "note_top", *_SIZES),
    room=("slide_width",),
    form=(),
)
FAILURES = {
    ("import", "missing import"): replacing("import Inches, Pt", "import Pt"),
    ("size", "misspelt attribute"): replacing("Inches(7.5)", "Inch(7.5)"),
    ("title", "missing bracket"): lambda line: line[:-1],
    ("list", "undefined name"): replacing("add(", "add_text("),
    ("panel", "missing argument"): replacing(", 2.0, 6.0, ", ", "),
}


def draw(rng: np.random.Generator, subject: words.Subject, group: words.Group) -> tuple[Content, Decisions]:
    """A slide whose every decision suits it, as `Domain.draw`."""
    content, _ = slide.draw(rng, subject, group)
    list_left, panel_left = SIDES[choose(rng, tuple(SIDES))]
    colors = {"color": choose(rng, PANEL_COLORS), "title_color": choose(rng, TITLE_COLORS)}
    return content, Decisions(list_left=list_left, panel_left=panel_left, **colors)


def instruct(content: Content) -> str:
    """The text of the prompt. It names neither a side nor a colour."""
    lines = slide.instruct(content).split("\n")[:-1]
    return "\n".join([*lines, "Write python-pptx code for the slide in the image."])


def statements(content: Content, d: Decisions) -> Iterator[tuple[str, Sequence[Part]]]:
    """The lines of the program in order: (role, parts)."""
    yield "import", ["from pptx import Presentation"]
    yield "import", ["from pptx.util import Inches, Pt"]
    yield "import", ["from pptx.dml.color import RGBColor"]
    yield "deck", ["deck = Presentation()"]
    yield (
        "size",
        ["deck.slide_width, deck.slide_height = Inches(", ("slide_width", str(d.slide_width)), "), Inches(7.5)"],
    )
    yield "deck", ["shapes = deck.slides.add_slide(deck.slide_layouts[6]).shapes"]
    yield "helper", ["def add(text, left, top, width, height, size, color):"]
    yield "helper", ["    box = shapes.add_textbox(Inches(left), Inches(top), Inches(width), Inches(height))"]
    yield "helper", ["    box.text_frame.word_wrap = True"]
    yield "helper", ["    box.text_frame.text = text"]
    yield "helper", ["    for line in box.text_frame.paragraphs:"]
    yield "helper", ["        line.font.size, line.font.color.rgb = Pt(size), RGBColor.from_string(color)"]
    yield "helper", ["    return box"]
    yield (
        "title",
        [f"add('{content.title}', 0.5, 0.4, 12.3, 1, ", ("title_size", str(d.title_size)), ", '",
         ("title_color", d.title_color), "')"],
    )  # fmt: skip
    items = "\\n".join(f"{label}: {value}" for label, value in zip(content.labels, content.values, strict=True))
    yield (
        "list",
        [f"add('{items}', ", ("list_left", str(d.list_left)), ", 2.0, 5.5, 4.0, ", ("list_size", str(d.list_size)),
         ", '", ("list_color", d.list_color), "')"],
    )  # fmt: skip
    yield (
        "panel",
        [f"panel = add('{content.total} {content.unit}', ", ("panel_left", str(d.panel_left)), ", 2.0, 6.0, ",
         ("panel_height", str(d.panel_height)), ", ", ("panel_size", str(d.panel_size)), ", '",
         ("panel_color", d.panel_color), "')"],
    )  # fmt: skip
    yield "panel", ["panel.fill.solid()"]
    yield "panel", ["panel.fill.fore_color.rgb = RGBColor.from_string('", ("color", d.color), "')"]
    if d.show_note:
        yield (
            "note",
            [f"add('{content.note}', ", ("note_left", str(d.note_left)), ", ", ("note_top", str(d.note_top)),
             ", 4, 0.5, 14, '404040')"],
        )  # fmt: skip
    yield "save", ["deck.save('deck.pptx')"]


DECK = Domain(
    name="pptx",
    kind="pptx",
    habits=HABITS,
    seen=("list_left", "panel_left", "color", "title_color"),
    optional=(),
    failures=FAILURES,
    blame=BLAME,
    draw=draw,
    instruct=instruct,
    statements=statements,
)
