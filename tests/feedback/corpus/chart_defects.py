# ruff: noqa: E501 (a statement a line)
"""One defect in a chart, in many ways a program can make it."""

from __future__ import annotations

import numpy as np

from tests.feedback.corpus.case import Design, Edit
from tests.feedback.corpus.charts import WORDS

PALE = ("#dddddd", "lightgray", "#eeeeee", "lightyellow", "#ffe8e8", "lavender", "yellow", "#ccffcc")
# Scripts that neither DejaVu nor the usual fonts for Chinese, Japanese and Korean have.
RARE = (0x10900, 0x12000, 0x13000, 0x16A40)
_LABELS = ("title", "xlabel", "ylabel")


def inject(kind: str, design: Design, rng: np.random.Generator) -> Edit | None:
    """One of the ways to cause `kind` that suits the design, or None if none does."""
    ways = list(INJECTIONS[kind])
    for way in rng.permutation(len(ways)):
        edit = ways[way](design, rng)
        if edit is not None:
            return edit
    return None


def _with(design: Design, role: str, options: str) -> dict[str, str]:
    return {role: f"{design.text(role)[:-1]}, {options})"}


def _label(design: Design, rng: np.random.Generator) -> str | None:
    roles = [role for role in _LABELS if design.has(role)]
    return str(rng.choice(roles)) if roles else None


def _words(rng: np.random.Generator, count: int) -> str:
    return " ".join(str(word) for word in rng.choice(WORDS, count))


def _note(x: float, y: float, words: str, options: str = "") -> str:
    return f"ax.text({x}, {y}, '{words}', transform=ax.transAxes{options})"


def _text_on_text(design, rng):
    if not design.facts["planar"]:
        return None
    x, y = rng.uniform(0.05, 0.15), rng.uniform(0.8, 0.85)
    first = _note(round(x, 3), round(y, 3), f"{rng.choice(WORDS)} is high")
    other = f"{rng.choice(WORDS)} too"
    near = _note(round(x + rng.uniform(-0.01, 0.03), 3), round(y + rng.uniform(-0.012, 0.012), 3), other)
    return Edit("a note on a note", added=f"{first}; {near}",
                added_clean=f"{first}; {_note(round(x, 3), round(y - 0.12, 3), other)}")  # fmt: skip


def _text_on_line(design, rng):
    if design.family not in ("bar", "line", "lines", "scatter", "errors", "step", "stem", "fill", "box"):
        return None
    level, words = round(0.76 * design.facts["top"], 2), f"limit {rng.choice(WORDS)}"
    rule = f"ax.axhline({level}, color='gray')"
    text = f"ax.text(0.4, {{}}, '{words}', va='{{}}')"
    return Edit("a note on a line", added=f"{rule}; {text.format(level, 'center')}",
                added_clean=f"{rule}; {text.format(round(level * 1.06, 2), 'bottom')}")  # fmt: skip


def _text_on_bars(design, rng):
    if design.family not in ("bar", "helper", "twin"):
        return None
    words = f"{rng.choice(WORDS)} and {rng.choice(WORDS)} and {rng.choice(WORDS)}"
    return Edit("a note across bars", added=f"ax.text(0.5, 2, '{words}', ha='center', va='center')",
                added_clean=f"ax.text(0.5, {0.82 * design.facts['top']:.1f}, '{words}', ha='center')",
                also=("low_contrast",))  # fmt: skip


def _legend_on_data(design, rng):
    if design.family not in ("grouped", "stacked", "lines", "loop"):
        return None
    return Edit("the legend on the data", {"legend": design.text("legend").replace("upper right", "lower center")})


def _crowded_ticks(design, rng):
    if design.family not in ("line", "step", "stem", "scatter", "bar", "errors", "log"):
        return None
    if design.family == "log":
        return None
    word = rng.choice(WORDS)
    return Edit("crowded tick labels",
                added=f"ax.set_xticks(np.linspace(0, 2, 12), ['{word} area'] * 12)",
                added_clean=f"ax.set_xticks([0, 1, 2], ['{word}', '{rng.choice(WORDS)}', '{rng.choice(WORDS)}'])")  # fmt: skip


def _long_title(design, rng):
    if not design.has("title"):
        return None
    text = design.text("title")
    words = _words(rng, 22)
    call = text[: text.index("('")]
    return Edit("a long title", {"title": f"{call}('{words}', fontsize={rng.integers(14, 19)})"})


def _past_the_side(design, rng):
    if not design.facts["planar"]:
        return None
    side = str(rng.choice(["left", "right"]))
    words = _words(rng, 4)
    x = {"left": 0.02, "right": 0.97}[side]
    outer = {"left": "right", "right": "left"}[side]
    # From the edge of the plot outwards there is no room for four words.
    return Edit("a note past the edge", added=_note(x, 0.66, words, f", ha='{outer}'"),
                added_clean=_note(x, 0.66, words.split()[0], f", ha='{side}'"),
                also=("overlap", "off_canvas"))  # fmt: skip


def _far_label(design, rng):
    if not design.has("xlabel") or design.has("layout"):
        return None
    return Edit("a label pushed over the edge", _with(design, "xlabel", "labelpad=16"))


def _long_names(design, rng):
    if design.family != "barh" or not design.has("layout"):
        return None
    names = [f"{name} and everything that belongs to it" for name in design.facts["names"]]
    line = f"ax.set_yticks(range({len(names)}), {{}})"
    return Edit("long names beside the bars", at="end", added=line.format(names),
                added_clean=line.format(design.facts["names"]))  # fmt: skip


def _outside(design, rng):
    word = rng.choice(WORDS)
    ways = [
        (f"fig.text(1.2, 0.5, '{word}')", f"fig.text(0.01, 0.01, '{word}', fontsize=8, va='bottom')"),
        (f"fig.text(0.5, -0.3, '{word}')", f"fig.text(0.01, 0.01, '{word}', fontsize=8, va='bottom')"),
    ]
    if design.facts["planar"]:
        inside = _note(0.05, 0.85, str(word))
        ways += [(_note(x, y, str(word)), inside) for x, y in ((1.9, 0.5), (0.3, 2.1), (-1.2, 0.5), (0.4, -0.9))]
        ways.append((f"ax.annotate('{word}', (0, 1), (40, {20 * design.facts['top']}))", inside))
    flawed, clean = ways[int(rng.integers(len(ways)))]
    return Edit("a note outside", added=flawed, added_clean=clean)


def _legend_outside(design, rng):
    if not design.has("legend"):
        return None
    call = design.text("legend").replace("loc='upper right'", "loc='upper left', bbox_to_anchor=(1.6, 1)")
    return Edit("a legend outside", {"legend": call}) if not design.has("layout") else None


def _pale_label(design, rng):
    role = _label(design, rng)
    return role and Edit("a pale label", _with(design, role, f"color='{rng.choice(PALE)}'"))


def _pale_note(design, rng):
    if not design.facts["planar"]:
        return None
    words = _words(rng, 2)
    return Edit("a pale note", added=_note(0.05, 0.85, words, f", color='{rng.choice(PALE)}'"),
                added_clean=_note(0.05, 0.85, words, ", color='black'"))  # fmt: skip


def _pale_ticks(design, rng):
    if design.family in ("pie", "panels", "row", "twin", "polar"):
        return None
    call = "ax.tick_params(axis='x', labelcolor='{}')"
    return Edit("pale tick labels", added=call.format(rng.choice(PALE)), added_clean=call.format("black"))


def _dark_on_bars(design, rng):
    if design.family != "bar" or any("bar_label" in text for _, text in design.lines):
        return None
    marks = design.text("marks")
    colored = marks[: marks.index("color='")] + "color='navy')"
    call = "ax.bar_label(bars, label_type='center', color='{}')"
    return Edit("dark numbers on dark bars", clean={"marks": colored}, added=call.format("black"),
                added_clean=call.format("white"))  # fmt: skip


def _pale_legend(design, rng):
    return (
        Edit("a pale legend", _with(design, "legend", f"labelcolor='{rng.choice(PALE)}'"))
        if design.has("legend")
        else None
    )


def _tiny_label(design, rng):
    role = _label(design, rng)
    return role and Edit("a tiny label", _with(design, role, f"fontsize={rng.choice([2, 3, 4])}"))


def _tiny_ticks(design, rng):
    if design.family in ("panels", "row", "twin"):
        return None
    axis = "y" if design.family == "barh" else "x"
    call = f"ax.tick_params(axis='{axis}', labelsize={{}})"
    return None if design.family == "pie" else Edit(
        "tiny tick labels", added=call.format(rng.choice([2, 3, 4])), added_clean=call.format(9))  # fmt: skip


def _tiny_note(design, rng):
    if not design.facts["planar"]:
        return None
    words = _words(rng, 2)
    return Edit("a tiny note", added=_note(0.05, 0.85, words, f", fontsize={rng.choice([2, 3, 4])}"),
                added_clean=_note(0.05, 0.85, words, ", fontsize=10"))  # fmt: skip


def _tiny_legend(design, rng):
    return Edit("a tiny legend", _with(design, "legend", "fontsize=3")) if design.has("legend") else None


def _rare_label(design, rng):
    role = _label(design, rng)
    if role is None:
        return None
    text, character = design.text(role), chr(int(rng.choice(RARE)))
    return Edit("a character without a glyph", {role: text[:-2] + f" {character}')"})


def _rare_ticks(design, rng):
    if design.family not in ("bar", "line"):
        return None
    names, character = design.facts["names"], chr(int(rng.choice(RARE)))
    line = f"ax.set_xticks(range({len(names)}), {{}})"
    return Edit("a tick label without a glyph", added=line.format([*names[:-1], f"{names[-1]} {character}"]),
                added_clean=line.format(names))  # fmt: skip


def _cleared(design, rng):
    call = str(rng.choice(["fig.clear()", "plt.clf()", "plt.figure(figsize=(5, 4))"]))
    end = {"end": "plt.savefig('chart.png')"}
    return Edit("cleared before it is saved", clean=end, added=call, named=False)


def _no_marks(design, rng):
    if not design.facts["planar"] or design.family in ("helper", "loop", "twin"):
        return None
    return Edit("axes without data", {"end": "ax.clear(); fig.savefig('chart.png')"}, named=False)


def _shifted_panel(design, rng):
    if design.family not in ("row",):
        return None
    shift = int(rng.integers(5, 20))
    panel = int(rng.integers(3))
    layout = "fig.tight_layout(); fig.canvas.draw()"
    move = f"box = axes[{panel}].get_position(); axes[{panel}].set_position([box.x0, box.y0 + {{}}, box.width, box.height])"
    # `tight_layout` leaves 1.08 font sizes above the title of the first plot; a title lifted farther leaves the picture.
    cut = panel == 0 and shift > 1.08 * 10 * design.facts["dpi"] / 72
    return Edit("one plot a little higher", clean={"layout": layout}, added=move.format(f"{shift} / fig.bbox.height"),
                added_clean=move.format("0"), also=("clipped_text",) if cut else ())  # fmt: skip


def _placed_panels(design, rng):
    if design.family not in ("bar", "line", "scatter", "hist"):
        return None
    y, off = 0.2, float(rng.choice([-1, 1])) * round(float(rng.uniform(0.016, 0.045)), 3)
    figure = "fig = plt.figure(figsize=(8, 4), dpi=90); ax = fig.add_axes([0.08, 0.2, 0.22, 0.6])"
    second = "two = fig.add_axes([0.4, 0.2, 0.22, 0.6]); two.plot([1, 2], [2, 1])"
    third = "three = fig.add_axes([0.72, {}, 0.22, 0.6]); three.plot([1, 2], [1, 3])"
    clean = {"figure": figure, "ylabel": second}
    if design.has("layout"):
        clean["layout"] = "pass"
    return Edit("plots placed by hand", clean=clean, added=third.format(round(y + off, 3)), added_clean=third.format(y))


def _no_title(design, rng):
    role = _label(design, rng)
    return role and Edit("a label left out", {role: "pass"}, named=False)


def _more_text(design, rng):
    word = _words(rng, 2)
    if design.facts["planar"]:
        return Edit("a note too many", added=_note(0.05, 0.85, word))
    return Edit("a note too many", added=f"fig.text(0.01, 0.01, '{word}', fontsize=8)")


def _other_words(design, rng):
    role = _label(design, rng)
    if role is None:
        return None
    text = design.text(role)
    return Edit("another label", {role: f"{text[: text.index(chr(39))]}'{_words(rng, 2)} instead')"})


def _other_type(design, rng):
    names, values, color = (design.facts[name] for name in ("names", "values", "colors"))
    others = {
        "bar": [f"ax.plot({names}, {values}, color='{color[0]}')", f"ax.scatter({names}, {values}, color='{color[0]}')"],
        "line": [f"ax.bar({names}, {values}, color='{color[0]}')", f"ax.scatter({names}, {values}, color='{color[0]}')"],
        "barh": [f"ax.bar({names}, {values}, color='{color[0]}')"],
        "scatter": [f"ax.plot(points[0], points[1], color='{color[0]}')"],
        "fill": [f"ax.plot(x, 5 + 2 * np.sin(x), color='{color[0]}', label='{names[0]}')"],
        "pie": [f"ax.bar({names}, {values})"],
        "step": [f"ax.bar(range({len(values)}), {values}, color='{color[0]}')"],
    }  # fmt: skip
    if design.family not in others or any("bar_label" in text for _, text in design.lines):
        return None
    marks = str(rng.choice(others[design.family]))
    return Edit("another type of chart", {"marks": marks},
                also=("wrong_color", "missing_text", "extra_text", "wrong_text"))  # fmt: skip


def _other_color(design, rng):
    marks = design.text("marks")
    if design.family not in ("bar", "line", "scatter", "hist", "fill", "step", "barh", "grouped", "stacked", "lines"):
        return None
    old = design.facts["colors"][0]
    new = {"tab:blue": "gold", "navy": "gold"}.get(old, "deepskyblue" if old != "teal" else "magenta")
    return Edit("another color", {"marks": marks.replace(f"color='{old}'", f"color='{new}'")}) if old in marks else None


def _other_grid(design, rng):
    if design.family == "row":
        wide = design.text("figure")
        return Edit("plots below each other", {"figure": wide.replace("plt.subplots(1, 3, ", "plt.subplots(3, 1, ")})
    if design.family == "panels":
        return Edit("plots in a row", {"figure": design.text("figure").replace("subplots(2, 2", "subplots(1, 4")},
                    also=("overlap", "clipped_text"))  # fmt: skip
    if design.family in ("bar", "line", "scatter", "hist"):
        return Edit("a plot too many", added="fig.add_axes([0.6, 0.6, 0.2, 0.15]).set_facecolor('white')",
                    also=("overlap", "extra_text"))  # fmt: skip
    return None


INJECTIONS = {
    "overlap": (_text_on_text, _text_on_line, _text_on_bars, _legend_on_data, _crowded_ticks),
    "clipped_text": (_long_title, _past_the_side, _far_label, _long_names),
    "off_canvas": (_outside, _legend_outside),
    "misalignment": (_shifted_panel, _placed_panels),
    "low_contrast": (_pale_label, _pale_note, _pale_ticks, _dark_on_bars, _pale_legend),
    "unreadable_size": (_tiny_label, _tiny_ticks, _tiny_note, _tiny_legend),
    "missing_glyph": (_rare_label, _rare_ticks),
    "empty_render": (_cleared, _no_marks),
    "missing_text": (_no_title,),
    "extra_text": (_more_text,),
    "wrong_text": (_other_words,),
    "wrong_type": (_other_type,),
    "wrong_color": (_other_color,),
    "wrong_layout": (_other_grid,),
}


def kinds(domain: str) -> tuple[str, ...]:
    """What can be injected: charts have no containers to overflow, no pictures to stretch, no page to fill."""
    del domain
    return tuple(INJECTIONS)
