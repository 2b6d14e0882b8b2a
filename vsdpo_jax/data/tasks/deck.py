"""python-pptx tasks: a list and a panel. The instruction states the texts; sides and colours are only in the image."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np

from vsdpo_jax.data.tasks import slide, words
from vsdpo_jax.data.tasks.domain import Blame, Domain, choose
from vsdpo_jax.data.tasks.program import Part, replacing
from vsdpo_jax.data.tasks.slide import TITLE_COLORS, Content

# Left edges of list and panel in inches.
SIDES = {"left": (1, 8), "right": (9, 1)}
# Dark enough for white text.
PANEL_COLORS = ("red", "green", "blue", "purple", "brown", "teal", "navy")


@dataclasses.dataclass(frozen=True)
class Decisions:
    """What the author of a deck decides. Sizes are in points, lengths in inches on a slide of 16 x 9.

    Attributes:
      list_left, panel_left: left edges, which say what stands on which side.
      color: of the panel.
      title_size, title_color: of the title.
      list_size, list_color: of the list.
      slide_width: of the deck; 12 makes it 4:3, which is python-pptx's own shape.
      panel_height: of the panel.
      panel_size, panel_color: text of the panel.
      show_note: write the note.
      note_left, note_top: of the note.
      failures: (role, failure) of statements that raise, see `FAILURES`.
    """

    list_left: int
    panel_left: int
    color: str
    title_color: str
    title_size: int = 44
    list_size: int = 32
    list_color: str = "black"
    slide_width: int = 16
    panel_height: int = 4
    panel_size: int = 48
    panel_color: str = "white"
    show_note: bool = True
    note_left: int = 1
    note_top: int = 8
    failures: tuple[tuple[str, str], ...] = ()


HABITS = {
    "list_left": {1: 3, 9: 2, 6: 1},
    "panel_left": {8: 3, 1: 2, 11: 1},
    "color": dict.fromkeys(PANEL_COLORS, 1),
    "title_color": {**dict.fromkeys(TITLE_COLORS, 1), "lightgray": 2, "yellow": 1},
    "title_size": {44: 4, 40: 1, 90: 2, 120: 1, 5: 1},
    "list_size": {32: 4, 28: 1, 5: 2, 72: 2},
    "list_color": {"black": 4, "lightgray": 2, "yellow": 1},
    "slide_width": {16: 3, 12: 2},
    "panel_height": {4: 4, 1: 1, 6: 2},
    "panel_size": {48: 4, 40: 1, 5: 1, 120: 2},
    "panel_color": {"white": 4, "black": 2, "gray": 1},
    "show_note": {True: 3, False: 1},
    "note_left": {1: 4, 16: 2, 8: 1},
    "note_top": {8: 4, 1: 2, 3: 1, 9: 1},
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
    ("size", "misspelt attribute"): replacing("Inches(9)", "Inch(9)"),
    ("title", "missing bracket"): lambda line: line[:-1],
    ("list", "undefined name"): replacing("add(", "add_text("),
    ("panel", "missing argument"): replacing(", 3, 7, ", ", "),
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
    yield "import", ["from PIL.ImageColor import getrgb"]
    yield "deck", ["deck = Presentation()"]
    yield (
        "size",
        ["deck.slide_width, deck.slide_height = Inches(", ("slide_width", str(d.slide_width)), "), Inches(9)"],
    )
    yield "deck", ["shapes = deck.slides.add_slide(deck.slide_layouts[6]).shapes"]
    yield "helper", ["def add(text, left, top, width, height, size, color):"]
    yield "helper", ["    box = shapes.add_textbox(Inches(left), Inches(top), Inches(width), Inches(height))"]
    yield "helper", ["    box.text_frame.word_wrap = True"]
    yield "helper", ["    box.text_frame.text = text"]
    yield "helper", ["    for line in box.text_frame.paragraphs:"]
    yield "helper", ["        line.font.size, line.font.color.rgb = Pt(size), RGBColor(*getrgb(color))"]
    yield "helper", ["    return box"]
    yield (
        "title",
        [f"add('{content.title}', 1, 1, 14, 1, ", ("title_size", str(d.title_size)), ", '",
         ("title_color", d.title_color), "')"],
    )  # fmt: skip
    items = "\\n".join(f"{label}: {value}" for label, value in zip(content.labels, content.values, strict=True))
    yield (
        "list",
        [f"add('{items}', ", ("list_left", str(d.list_left)), ", 3, 6, 4, ", ("list_size", str(d.list_size)),
         ", '", ("list_color", d.list_color), "')"],
    )  # fmt: skip
    yield (
        "panel",
        [f"panel = add('{content.total} {content.unit}', ", ("panel_left", str(d.panel_left)), ", 3, 7, ",
         ("panel_height", str(d.panel_height)), ", ", ("panel_size", str(d.panel_size)), ", '",
         ("panel_color", d.panel_color), "')"],
    )  # fmt: skip
    yield "panel", ["panel.fill.solid()"]
    yield "panel", ["panel.fill.fore_color.rgb = RGBColor(*getrgb('", ("color", d.color), "'))"]
    if d.show_note:
        yield (
            "note",
            [("show_note", "add"), f"('{content.note}', ", ("note_left", str(d.note_left)), ", ",
             ("note_top", str(d.note_top)), ", 4, 1, 20, 'black')"],
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
