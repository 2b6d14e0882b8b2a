"""Clean charts: families of marks in different styles, each with room for what the injectors add."""

from __future__ import annotations

import numpy as np

from tests.feedback.corpus.case import Design

WORDS = (
    "North South East West Rain Wind Sun Snow Oslo Rome Lima Cairo Fig Plum Pear Kiwi Tea Rye Oat Rice Iron Zinc Coal "
    "Cork Wool Silk Bus Tram Bike Ferry"
).split()
UNITS = ("mm", "kg", "hours", "EUR", "percent", "tonnes", "people")
DARK = ("tab:blue", "tab:red", "tab:green", "tab:purple", "tab:brown", "navy", "teal", "crimson", "darkorange")
# Families whose axes have x and y labels and an empty band above the data.
PLANAR = (
    "bar", "grouped", "stacked", "line", "lines", "scatter", "hist", "box", "violin", "fill", "areas", "errors", "step",
    "stem", "twin", "helper", "loop", "contour",
)  # fmt: skip
OTHERS = ("barh", "pie", "heat", "polar", "panels", "row", "arrow", "log")
FAMILIES = (*PLANAR, *OTHERS)
_PYPLOT = {"ax.set_title(": "plt.title(", "ax.set_xlabel(": "plt.xlabel(", "ax.set_ylabel(": "plt.ylabel(",
           "ax.set_ylim(": "plt.ylim(", "ax.legend(": "plt.legend("}  # fmt: skip


def design(seed: int) -> Design:
    """A clean chart; the families take turns."""
    return make(FAMILIES[seed % len(FAMILIES)], np.random.default_rng([1, seed]))


def make(family: str, rng: np.random.Generator) -> Design:
    """A clean chart of one family."""
    names = [str(word) for word in rng.choice(WORDS, int(rng.integers(3, 6)), replace=False)]
    values = [int(value) for value in rng.integers(4, 10, len(names))]
    colors = [str(color) for color in rng.choice(DARK, 3, replace=False)]
    marks, height = _MARKS[family](names, values, colors, rng)
    width = rng.choice([5, 5.5, 6, 6.4, 7]) * (1.6 if family == "row" else 1)
    tall = rng.choice([3.6, 4, 4.5, 4.8]) * (1.4 if family == "panels" else 1)
    size = f"figsize=({width:g}, {tall:g})"
    figure = _FIGURES.get(family, "fig, ax = plt.subplots({})")
    dpi = int(rng.choice([80, 90, 100]))
    unit = str(rng.choice(UNITS))
    lines = [
        ("", "import numpy as np"),
        ("", "import matplotlib.pyplot as plt"),
        ("figure", figure.format(f"{size}, dpi={dpi}")),
        *marks,
    ]
    if height is not None:
        lines.append(("limits", f"ax.set_ylim(0, {height})"))
    if family not in ("pie", "heat", "polar", "panels", "row"):
        lines += [("xlabel", f"ax.set_xlabel('{rng.choice(WORDS)} group')"), ("ylabel", f"ax.set_ylabel('{unit}')")]
    if family == "panels":
        lines.append(("title", f"fig.suptitle('{names[0]} and {names[1]}')"))
    elif family != "row":
        lines.append(("title", f"ax.set_title('{names[0]} and {names[1]}')"))
    if any("label=" in text for _, text in marks) and family in PLANAR:
        lines.append(("legend", "ax.legend(loc='upper right')"))
    lines += _decorations(family, tall, rng)
    lines = [*lines, ("end", str(rng.choice(["fig.savefig('chart.png')", "plt.show()"])))]
    if family in PLANAR and family not in ("twin", "helper") and rng.random() < 0.3:
        lines = [(role, _pyplot(text)) for role, text in lines]
    twin = tuple((role, text.replace(f"dpi={dpi}", f"dpi={dpi + 10}")) for role, text in lines)
    facts = {
        "domain": "chart", "dpi": dpi, "names": names, "values": values, "colors": colors, "planar": height is not None,
        "top": height, "unit": unit, "dark": any("dark_background" in text for _, text in lines),
    }  # fmt: skip
    return Design(family, tuple(lines), facts, twin)


def _pyplot(text: str) -> str:
    for method, function in _PYPLOT.items():
        text = text.replace(method, function)
    return text


def _decorations(family: str, tall: float, rng: np.random.Generator) -> list[tuple[str, str]]:
    lines = []
    if family in PLANAR and rng.random() < 0.4:
        lines.append(("", "ax.grid(axis='y', alpha=0.3)"))
    if family in PLANAR and family != "twin" and rng.random() < 0.3:
        lines.append(("", "ax.spines[['top', 'right']].set_visible(False)"))
    if family not in ("arrow", "pie") or rng.random() < 0.5:
        lines.append(("layout", "fig.tight_layout()"))
    elif family == "arrow":
        # Room for the labels in inches, whatever the size of the figure.
        lines.append(("", f"fig.subplots_adjust(bottom={0.6 / tall:.3f})"))
    return lines


_FIGURES = {
    "polar": "fig, ax = plt.subplots({}, subplot_kw={{'projection': 'polar'}})",
    "panels": "fig, axes = plt.subplots(2, 2, {})",
    "row": "fig, axes = plt.subplots(1, 3, {})",
}


def _bar(names, values, colors, rng):
    options = str(rng.choice(["", ", width=0.5", ", edgecolor='black'", ", alpha=0.8"]))
    marks = [("marks", f"bars = ax.bar({names}, {values}, color='{colors[0]}'{options})")]
    if rng.random() < 0.5:
        marks.append(("", "ax.bar_label(bars, padding=2)"))
    return marks, 16


def _grouped(names, values, colors, rng):
    x = f"np.arange({len(names)})"
    return [
        ("marks", f"ax.bar({x} - 0.2, {values}, 0.4, label='{rng.choice(WORDS)}', color='{colors[0]}')"),
        ("", f"ax.bar({x} + 0.2, {values[::-1]}, 0.4, label='{rng.choice(WORDS)}', color='{colors[1]}')"),
        ("ticks", f"ax.set_xticks({x}, {names})"),
    ], 16


def _stacked(names, values, colors, rng):
    return [
        ("marks", f"ax.bar({names}, {values}, label='{rng.choice(WORDS)}', color='{colors[0]}')"),
        ("", f"ax.bar({names}, {values}, bottom={values}, label='{rng.choice(WORDS)}', color='{colors[1]}')"),
    ], 32


def _line(names, values, colors, rng):
    style = str(rng.choice(["'-'", "'--'", "'o-'", "'s:'"]))
    return [("marks", f"ax.plot({names}, {values}, {style}, color='{colors[0]}')")], 16


def _lines(names, values, colors, rng):
    first, second = rng.choice(WORDS, 2, replace=False)
    return [
        ("", "x = np.linspace(0, 10, 60)"),
        ("marks", f"ax.plot(x, 5 + 3 * np.sin(x), label='{first}', color='{colors[0]}')"),
        ("", f"ax.plot(x, 4 + 2 * np.cos(x), '--', label='{second}', color='{colors[1]}')"),
    ], 13


def _scatter(names, values, colors, rng):
    return [
        ("", f"points = np.random.default_rng({rng.integers(99)}).uniform(1, 9, (2, {rng.integers(15, 60)}))"),
        ("marks", f"ax.scatter(points[0], points[1], s={rng.integers(12, 50)}, color='{colors[0]}', alpha=0.7)"),
    ], 15


def _hist(names, values, colors, rng):
    return [
        ("", f"data = np.random.default_rng({rng.integers(99)}).normal(5, 2, 200)"),
        ("marks", f"ax.hist(data, bins={rng.integers(8, 20)}, color='{colors[0]}', edgecolor='white')"),
    ], 90


def _box(names, values, colors, rng):
    return [
        ("", f"data = [np.random.default_rng(i).normal(5, 1.2, 40) for i in range({len(names)})]"),
        ("marks", f"ax.boxplot(data, tick_labels={names})"),
    ], 15


def _violin(names, values, colors, rng):
    return [
        ("", f"data = [np.random.default_rng(i).normal(5, 1.2, 40) for i in range({len(names)})]"),
        ("marks", "ax.violinplot(data, showmedians=True)"),
    ], 15


def _fill(names, values, colors, rng):
    return [
        ("", "x = np.linspace(0, 6, 40)"),
        ("marks", f"ax.fill_between(x, 1, 5 + 2 * np.sin(x), color='{colors[0]}', alpha=0.4, label='{names[0]}')"),
    ], 13


def _areas(names, values, colors, rng):
    return [
        ("", "x = np.arange(8)"),
        ("marks", f"ax.stackplot(x, x / 2 + 1, x / 3 + 1, labels={names[:2]}, colors={colors[:2]})"),
    ], 14


def _errors(names, values, colors, rng):
    count = len(values)
    return [
        ("marks", f"ax.errorbar(range({count}), {values}, yerr=0.8, fmt='o', capsize=4, color='{colors[0]}')"),
    ], 16


def _step(names, values, colors, rng):
    return [("marks", f"ax.step(range({len(values)}), {values}, where='mid', color='{colors[0]}')")], 16


def _stem(names, values, colors, rng):
    return [("marks", f"ax.stem(range({len(values)}), {values}, linefmt='{colors[0]}', basefmt=' ')")], 16


def _twin(names, values, colors, rng):
    return [
        ("marks", f"ax.bar({names}, {values}, color='{colors[0]}')"),
        ("", "other = ax.twinx()"),
        ("", f"other.plot({names}, {[10 * value for value in values]}, 'o-', color='{colors[1]}')"),
        ("", "other.set_ylim(0, 160)"),
        ("", f"other.set_ylabel('{rng.choice(WORDS)} index')"),
    ], 22


def _helper(names, values, colors, rng):
    return [
        ("", "def draw(axes, labels, numbers, **style):"),
        ("marks", "    axes.bar(labels, numbers, **style)"),
        ("", f"draw(ax, {names}, {values}, color='{colors[0]}')"),
    ], 16


def _loop(names, values, colors, rng):
    return [
        ("", f"for index, (name, color) in enumerate(zip({names[:3]}, {colors})):"),
        ("marks", "    ax.plot([0, 1, 2, 3], [index + 1, index + 3, index + 2, index + 4], label=name, color=color)"),
    ], 12


def _contour(names, values, colors, rng):
    return [
        ("", "x, y = np.meshgrid(np.linspace(0, 10, 30), np.linspace(0, 10, 30))"),
        ("marks", "ax.contour(x, y, np.exp(-((x - 5) ** 2 + (y - 4) ** 2) / 6), levels=5)"),
    ], 14


def _barh(names, values, colors, rng):
    return [("marks", f"ax.barh({names}, {values}, color='{colors[0]}')"), ("", "ax.set_xlim(0, 14)")], None


def _pie(names, values, colors, rng):
    options = str(rng.choice(["", ", startangle=90", ", wedgeprops={'width': 0.5}, pctdistance=0.75"]))
    return [
        ("marks", f"ax.pie({values}, labels={names}, autopct='%d%%', textprops={{'color': 'black'}}{options})"),
    ], None


def _heat(names, values, colors, rng):
    return [
        ("", f"grid = np.random.default_rng({rng.integers(99)}).uniform(0, 1, (3, {len(names)}))"),
        ("marks", f"image = ax.imshow(grid, cmap='{rng.choice(['viridis', 'Blues', 'gray'])}', aspect='auto')"),
        ("ticks", f"ax.set_xticks(range({len(names)}), {names})"),
        ("", "fig.colorbar(image)"),
    ], None


def _polar(names, values, colors, rng):
    return [
        ("", f"angles = np.linspace(0, 2 * np.pi, {len(values)}, endpoint=False)"),
        ("marks", f"ax.bar(angles, {values}, width=0.6, color='{colors[0]}', alpha=0.7)"),
        ("", "ax.set_yticklabels([])"),
    ], None


def _panels(names, values, colors, rng):
    return [
        ("", "for index, part in enumerate(axes.flat):"),
        ("marks", f"    part.plot([0, 1, 2], [index, 2, 1], color='{colors[0]}')"),
        ("", "    part.set(title=f'part {index}', xlabel='day', ylabel='level')"),
    ], None


def _row(names, values, colors, rng):
    return [
        ("marks", f"axes[0].bar({names[:3]}, {values[:3]}, color='{colors[0]}')"),
        ("", f"axes[1].plot({values}, color='{colors[1]}')"),
        ("", f"axes[2].scatter({values}, {values[::-1]}, color='{colors[2]}')"),
        ("title", f"axes[0].set_title('{names[0]} {names[1]}')"),
        ("xlabel", f"axes[1].set_xlabel('{names[1]} in {names[2]}')"),
    ], None


def _arrow(names, values, colors, rng):
    # A diagram: boxes and an arrow, no data.
    box = "bbox={'boxstyle': 'round', 'facecolor': 'white'}"
    return [
        ("marks", "ax.annotate('', (0.7, 0.5), (0.3, 0.5), arrowprops={'arrowstyle': '->'})"),
        ("", f"ax.text(0.15, 0.5, '{names[0]}', ha='center', va='center', {box})"),
        ("", f"ax.text(0.85, 0.5, '{names[1]}', ha='center', va='center', {box})"),
    ], None


def _log(names, values, colors, rng):
    return [
        ("marks", f"ax.plot([1, 10, 100, 1000], [2, 30, 200, 4000], 'o-', color='{colors[0]}')"),
        ("", "ax.set_xscale('log')"),
        ("", "ax.set_yscale('log')"),
    ], None


_MARKS = {
    "bar": _bar, "grouped": _grouped, "stacked": _stacked, "line": _line, "lines": _lines, "scatter": _scatter,
    "hist": _hist, "box": _box, "violin": _violin, "fill": _fill, "areas": _areas, "errors": _errors, "step": _step,
    "stem": _stem, "twin": _twin, "helper": _helper, "loop": _loop, "contour": _contour, "barh": _barh, "pie": _pie,
    "heat": _heat, "polar": _polar, "panels": _panels, "row": _row, "arrow": _arrow, "log": _log,
}  # fmt: skip
