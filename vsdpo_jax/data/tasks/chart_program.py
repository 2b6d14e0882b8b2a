"""Chart programs: what their author decides, and the matplotlib script that the decisions make."""

from __future__ import annotations

import dataclasses

from vsdpo_jax.data.tasks.program import replacing

KINDS = ("bar", "barh", "line", "scatter")
THICKNESS = {"line": ", linewidth=6", "scatter": ", s=200"}

# The decisions that shape what the statement of a role draws. `margin` has a statement of its own, but it makes the
# room that the values and the note need.
OWNED = {
    "figure": ("figure_size",),
    "mark": ("kind", "color"),
    "title": ("title_size", "title_color"),
    "unit": (),
    "ticks": ("rotation", "label_size"),
    "margins": ("margin",),
    "values": ("value_size", "value_color", "margin"),
    "note": ("note_x", "note_y", "margin"),
    "legend": ("legend",),
    "tight": ("tight",),
}


@dataclasses.dataclass(frozen=True)
class Content:
    """What the instruction states: the text and the data of a chart. `note` and `series` may be empty."""

    title: str
    unit: str
    labels: tuple[str, ...]
    values: tuple[int, ...]
    note: str = ""
    series: str = ""


@dataclasses.dataclass(frozen=True)
class Decisions:
    """What the author of a program decides. Sizes are in points, positions in figure coordinates (0–1).

    Attributes:
      kind: one of `KINDS`.
      color: of the marks.
      figure_size: width and height in inches.
      title_size, title_color: of the title.
      rotation, label_size: of the category labels, in degrees and points.
      show_values: write the values on the bars (only `bar` and `barh` can).
      show_extra: draw the note, or the legend, that the instruction names.
      value_size, value_color: of the values on the bars.
      margin: free share of the value axis beyond the largest value.
      note_x, note_y: position of the note's left end.
      legend: location of the legend.
      tight: call `tight_layout`.
      failures: (role, failure) of statements that raise, see `FAILURES`.
    """

    kind: str
    color: str
    figure_size: tuple[int, int] = (4, 3)
    title_size: int = 12
    title_color: str = "black"
    rotation: int = 0
    label_size: int = 9
    show_values: bool = False
    show_extra: bool = True
    value_size: int = 9
    value_color: str = "black"
    margin: float = 0.2
    note_x: float = 0.3
    note_y: float = 0.76
    legend: str = "upper right"
    tight: bool = True
    failures: tuple[tuple[str, str], ...] = ()


def _drop_last_value(line: str) -> str:
    head, last = line.rsplit(", ", 1)
    return head + last[last.index("]") :]


FAILURES = {
    ("figure", "misspelt function"): replacing("plt.subplots", "plt.subplot"),
    ("mark", "undefined name"): replacing("values", "value"),
    ("mark", "unknown color"): replacing("color='", "color='mid"),
    ("mark", "bad keyword"): replacing("color=", "colour="),
    ("title", "bad keyword"): replacing("fontsize=", "font_size="),
    ("title", "missing bracket"): lambda line: line[:-1],
    ("unit", "undefined name"): replacing("ax.", "axes."),
    ("ticks", "misspelt function"): replacing("tick_params", "tick_param"),
    ("data", "length mismatch"): _drop_last_value,
    ("tight", "misspelt function"): replacing("tight_layout", "tightlayout"),
}


def statements(content: Content, decisions: Decisions):
    """The statements in order: (role, parts); a part is plain text or (decision, its value as text)."""
    d = decisions
    labelled_values = d.show_values and d.kind in ("bar", "barh")
    note = content.note if d.show_extra else ""
    series = content.series if d.show_extra else ""
    category_axis, value_axis = ("y", "x") if d.kind == "barh" else ("x", "y")
    yield "import", ["import matplotlib.pyplot as plt"]
    yield "labels", ["labels = [" + ", ".join(f"'{label}'" for label in content.labels) + "]"]
    yield "data", ["values = [" + ", ".join(map(str, content.values)) + "]"]
    yield "figure", ["fig, ax = plt.subplots(figsize=(", ("figure_size", "{}, {}".format(*d.figure_size)), "))"]
    yield "mark", _mark(d, labelled_values, series)
    yield (
        "title",
        [
            f"ax.set_title('{content.title}', fontsize=",
            ("title_size", str(d.title_size)),
            ", color='",
            ("title_color", d.title_color),
            "')",
        ],
    )
    yield "unit", [f"ax.set_{value_axis}label('{content.unit}')"]
    yield (
        "ticks",
        [
            f"ax.tick_params(axis='{category_axis}', labelrotation=",
            ("rotation", str(d.rotation)),
            ", labelsize=",
            ("label_size", str(d.label_size)),
            ")",
        ],
    )
    if labelled_values:
        yield (
            "values",
            [
                "ax.bar_label(bars, padding=2, fontsize=",
                ("value_size", str(d.value_size)),
                ", color='",
                ("value_color", d.value_color),
                "')",
            ],
        )
    if labelled_values or note:
        yield "margins", [f"ax.margins({value_axis}=", ("margin", str(d.margin)), ")"]
    if note:
        yield (
            "note",
            [("show_extra", "fig.text"), "(", ("note_x", str(d.note_x)), ", ", ("note_y", str(d.note_y)),
             f", '{note}', fontsize=9)"],
        )  # fmt: skip
    if series:
        yield "legend", [("show_extra", "ax.legend"), "(loc='", ("legend", d.legend), "', fontsize=9)"]
    if d.tight:
        yield "tight", [("tight", "fig.tight_layout()")]
    yield "save", ["plt.savefig('chart.png')"]


def _mark(d: Decisions, labelled_values: bool, series: str):
    method = {"bar": "bar", "barh": "barh", "line": "plot", "scatter": "scatter"}[d.kind]
    target = ("show_values", "bars = ax.") if labelled_values else "ax."
    parts = [target, ("kind", method), "(labels, values, color='", ("color", d.color), "'"]
    # Thick enough for its color to be read at the size the tiny model sees, where usual lines are one pixel wide.
    if d.kind in THICKNESS:
        parts.append(THICKNESS[d.kind])
    if series:
        parts.append(f", label='{series}'")
    return [*parts, ")"]
