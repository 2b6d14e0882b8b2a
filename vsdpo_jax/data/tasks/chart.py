"""Chart-to-code tasks: the instruction states text and data; chart kind and colours are only in the image."""

from __future__ import annotations

import numpy as np

from vsdpo_jax.data.tasks import words
from vsdpo_jax.data.tasks.chart_program import FAILURES, KINDS, OWNED, Content, Decisions, statements
from vsdpo_jax.data.tasks.domain import Blame, Domain, choose, draw_labels, draw_title

MARK_COLORS = ("red", "green", "blue", "orange", "purple", "brown", "gray", "teal")
TITLE_COLORS = ("black", "darkred", "navy", "darkgreen")
FIGURE_WIDTH = 320.0  # pixels of the ideal figure: 4 inches at 80 dots per inch
PIXELS_PER_POINT = 80.0 / 72.0

# What an author writes who does not look at the chart at hand: value -> weight.
HABITS = {
    "kind": {"bar": 5, "barh": 2, "line": 3, "scatter": 2},
    "color": dict.fromkeys(MARK_COLORS, 1),
    "figure_size": {(4, 3): 5, (5, 3): 1, (3, 2): 2, (2, 2): 1},
    "title_size": {14: 3, 12: 3, 10: 2, 18: 3, 24: 2, 5: 2, 4: 1},
    "title_color": {**dict.fromkeys(TITLE_COLORS, 1), "lightgray": 3, "yellow": 2, "pink": 2},
    "rotation": {0: 6, 45: 1, 90: 3},
    "label_size": {9: 3, 8: 1, 4: 2, 5: 2, 16: 2, 20: 1},
    "show_values": {True: 1, False: 1},
    "show_extra": {True: 2, False: 1},
    "value_size": {9: 2, 8: 1, 4: 2, 28: 1, 36: 1},
    "value_color": {"black": 2, "lightgray": 2, "yellow": 1},
    "margin": {0.2: 2, 0.4: 1, 0.0: 3},
    "note_x": {0.3: 3, 0.5: 1, 0.9: 3, 0.95: 1},
    "note_y": {0.76: 2, 0.9: 3, 0.3: 2, 0.4: 2},
    "legend": {"upper right": 3, "upper left": 3, "center": 2, "lower right": 2, "lower left": 1},
    "tight": {True: 1, False: 1},
}

_COLORS = ("title_color", "value_color", "color")
_SIZES = ("title_size", "label_size", "value_size")
BLAME = Blame(
    owned=OWNED,
    relevant={
        "low_contrast": _COLORS,
        "wrong_color": _COLORS,
        "unreadable_size": _SIZES,
        "wrong_type": ("kind",),
    },
    presence=("show_values", "show_extra", "kind"),
    places=("rotation", "margin", "note_x", "note_y", "legend", *_SIZES),
    room=("figure_size", "tight"),
    form=("kind",),
)


def instruct(content: Content) -> str:
    """The text of the prompt. It names neither the kind of the chart nor a colour."""
    lines = [f"Title: {content.title}", f"Unit: {content.unit}"]
    lines += [f"{label}: {value}" for label, value in zip(content.labels, content.values, strict=True)]
    if content.note:
        lines.append(f"Note: {content.note}")
    if content.series:
        lines.append(f"Series: {content.series}")
    return "\n".join([*lines, "Write matplotlib code for the chart in the image."])


def text_width(text: str, points: float) -> float:
    """About how wide `text` is in pixels, in DejaVu Sans at 80 dots per inch."""
    return sum(_advance(character) for character in text) * points * PIXELS_PER_POINT


def _advance(character: str) -> float:
    if character in "ijl.,'I":
        return 0.30
    if character in "frt- ":
        return 0.38
    if character in "mwMW%":
        return 0.92
    if character.isupper():
        return 0.70
    return 0.62


def draw(rng: np.random.Generator, subject: words.Subject, group: words.Group) -> tuple[Content, Decisions]:
    """A chart whose every decision suits it, as `Domain.draw`."""
    kind = choose(rng, KINDS)
    extra = choose(rng, ("values", "values", "legend", "") if kind in ("bar", "barh") else ("note", "legend", ""))
    if kind == "bar" and extra == "":
        extra = "note"
    count = int(rng.integers(3, 7))
    labels = draw_labels(rng, group, count)
    title = draw_title(rng, subject, group)
    rising = bool(rng.integers(2))
    values = _values(rng, subject, count, rising if extra == "legend" else None)
    content = Content(
        title,
        subject.unit,
        labels,
        values,
        note=choose(rng, words.NOTES) if extra == "note" else "",
        series=choose(rng, [series for series in words.SERIES if series not in labels]) if extra == "legend" else "",
    )
    decisions = Decisions(
        kind=kind,
        color=choose(rng, MARK_COLORS),
        title_color=choose(rng, TITLE_COLORS),
        title_size=_title_size(content, kind),
        rotation=_rotation(content, kind),
        show_values=extra == "values",
        margin=0.4 if extra == "note" else 0.2,
        legend=_legend_location(kind, rising),
    )
    return content, decisions


def _values(rng: np.random.Generator, subject: words.Subject, count: int, rising: bool | None) -> tuple[int, ...]:
    """Random values; with `rising` set they leave the upper corner at their low end free for a legend."""
    shares = rng.uniform(0.2, 1.0, size=count)
    if rising is not None:
        low = (count + 1) // 2
        parts = (rng.uniform(0.1, 0.45, size=low), rng.uniform(0.6, 1.0, size=count - low))
        shares = np.concatenate([np.sort(part) for part in parts])
        shares = shares if rising else shares[::-1]
    scaled = shares * subject.high / subject.step
    return tuple(int(max(subject.low // subject.step, round(v))) * subject.step for v in scaled)


def _legend_location(kind: str, rising: bool) -> str:
    if kind == "barh":
        return "lower right" if rising else "upper right"
    return "upper left" if rising else "upper right"


def _title_size(content: Content, kind: str) -> int:
    """The largest common size at which the title, centred over the axes, stays inside the figure."""
    ticks = content.labels if kind == "barh" else tuple(map(str, content.values))
    left = 32.0 + max(text_width(tick, 9) for tick in ticks)
    room = 2.0 * (FIGURE_WIDTH - (left + FIGURE_WIDTH - 12.0) / 2.0) - 30.0
    return next((size for size in (14, 12, 10) if text_width(content.title, size) <= room), 9)


def _rotation(content: Content, kind: str) -> int:
    """90 degrees where the category labels would touch side by side."""
    if kind == "barh":
        return 0
    axes_width = FIGURE_WIDTH - 44.0 - max(text_width(str(value), 10) for value in content.values)
    count = len(content.labels)
    pitch = axes_width / (count + 0.1) if kind == "bar" else 0.9 * axes_width / (count - 1)
    widths = [text_width(label, 9) for label in content.labels]
    touching = any((a + b) / 2.0 + 6.0 > pitch for a, b in zip(widths, widths[1:], strict=False))
    return 90 if touching else 0


CHART = Domain(
    name="chart",
    kind="chart",
    habits=HABITS,
    seen=("kind", "color"),
    optional=("show_values",),
    failures=FAILURES,
    blame=BLAME,
    draw=draw,
    instruct=instruct,
    statements=statements,
)
