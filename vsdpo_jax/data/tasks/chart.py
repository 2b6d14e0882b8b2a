"""Chart-to-code tasks: the instruction states text and data; chart kind and colours are only in the image.

    tasks = ChartTasks("train")
    task = tasks[17]
    task.instruction    # the prompt's text
    task.ideal.source   # a program whose render is what the prompt's image shows

Splits are disjoint by construction. A title is made of one subject and one group of categories (`words.py`), and the
pair (subject s, group g) belongs to the split that `SPLITS` gives for (s + g) mod 6. No title of one split, and so no
instruction, can be made in another, though every subject and every group occurs in each.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from vsdpo_jax.data.tasks import words
from vsdpo_jax.data.tasks.program import Content, Decisions, Program, write

# Residues of (subject + group) mod 6 that belong to each split.
SPLITS = {"heldout": (0,), "train": (1, 2), "warmstart": (3, 4, 5)}
SIZES = {"heldout": 512, "train": 100_000, "warmstart": 100_000}

MARK_COLORS = ("red", "green", "blue", "orange", "purple", "brown", "gray", "teal")
TITLE_COLORS = ("black", "darkred", "navy", "darkgreen")
FIGURE_WIDTH = 320.0  # pixels of the ideal figure: 4 inches at 80 dots per inch
PIXELS_PER_POINT = 80.0 / 72.0


@dataclasses.dataclass(frozen=True)
class ChartTask:
    """One chart to reproduce.

    Attributes:
      id: for instance `chart/train/000017`.
      content: text and data, all of it stated by `instruction`.
      decisions: the ideal ones; kind and colours among them are visible in the image only.
    """

    id: str
    content: Content
    decisions: Decisions

    @property
    def instruction(self) -> str:
        """The text of the prompt. It names neither the kind of the chart nor a colour."""
        content = self.content
        lines = [f"Title: {content.title}", f"Unit: {content.unit}"]
        lines += [f"{label}: {value}" for label, value in zip(content.labels, content.values, strict=True)]
        if content.note:
            lines.append(f"Note: {content.note}")
        if content.series:
            lines.append(f"Series: {content.series}")
        return "\n".join([*lines, "Write matplotlib code for the chart in the image."])

    @property
    def ideal(self) -> Program:
        """The reference program."""
        return write(self.content, self.decisions)


class ChartTasks(Sequence):
    """The tasks of a split, by index. `size` only bounds the index: task i does not depend on it."""

    def __init__(self, split: str, size: int | None = None):
        if split not in SPLITS:
            raise ValueError(f"unknown split {split!r}; choose one of {', '.join(SPLITS)}")
        self.split = split
        self.size = SIZES[split] if size is None else size
        self.pairs = split_pairs(split)

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: int) -> ChartTask:
        if not 0 <= index < self.size:
            raise IndexError(index)
        return self.variant(index, 0)

    def variant(self, index: int, attempt: int) -> ChartTask:
        """Task `index`, drawn again for every `attempt`: a source replaces a task whose reference shows a defect."""
        rng = np.random.default_rng([list(SPLITS).index(self.split), index, attempt])
        subject, group = self.pairs[int(rng.integers(len(self.pairs)))]
        content, decisions = _draw(rng, words.SUBJECTS[subject], words.GROUPS[group])
        return ChartTask(f"chart/{self.split}/{index:06d}", content, decisions)


def split_pairs(split: str) -> tuple[tuple[int, int], ...]:
    """The (subject, group) indices that belong to `split`."""
    return tuple(
        (s, g) for s in range(len(words.SUBJECTS)) for g in range(len(words.GROUPS)) if (s + g) % 6 in SPLITS[split]
    )


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


def _draw(rng: np.random.Generator, subject: words.Subject, group: words.Group) -> tuple[Content, Decisions]:
    kind = _choose(rng, ("bar", "barh", "line", "scatter"))
    extra = _choose(rng, ("values", "values", "legend", "") if kind in ("bar", "barh") else ("note", "legend", ""))
    if kind == "bar" and extra == "":
        extra = "note"
    count = int(rng.integers(3, 7))
    labels = tuple(group.words[i] for i in sorted(rng.choice(len(group.words), size=count, replace=False)))
    pattern = _choose(rng, words.TITLES)
    title = pattern.format(
        subject=subject.name, lower=subject.name.lower(), group=group.name, year=_choose(rng, words.YEARS)
    )
    rising = bool(rng.integers(2))
    values = _values(rng, subject, count, rising if extra == "legend" else None)
    content = Content(
        title,
        subject.unit,
        labels,
        values,
        note=_choose(rng, words.NOTES) if extra == "note" else "",
        series=_choose(rng, words.SERIES) if extra == "legend" else "",
    )
    decisions = Decisions(
        kind=kind,
        color=_choose(rng, MARK_COLORS),
        title_color=_choose(rng, TITLE_COLORS),
        title_size=_title_size(content, kind),
        rotation=_rotation(content, kind),
        show_values=extra == "values",
        margin=0.4 if extra == "note" else 0.2,
        legend=_legend_location(kind, rising),
    )
    return content, decisions


def _choose(rng: np.random.Generator, options: Sequence):
    return options[int(rng.integers(len(options)))]


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
