"""Charts with one injected defect each, and their clean twins, as programs of one statement a line."""

from __future__ import annotations

import dataclasses

import numpy as np

HEAD = ("import numpy as np", "import matplotlib.pyplot as plt")
WORDS = "North South East West Rain Wind Sun Snow Oslo Rome Lima Cairo Fig Plum Pear Kiwi Tea Rye Oat Rice".split()
DARK = ("tab:blue", "tab:red", "tab:green", "tab:purple", "tab:brown", "navy", "teal", "crimson", "darkorange")
PALE = ("#dddddd", "lightgray", "#eeeeee", "lightyellow", "#ffe8e8", "lavender", "yellow", "#ccffcc")
KINDS = ("clipped_text", "overlap", "low_contrast", "off_canvas", "unreadable_size", "missing_glyph")


@dataclasses.dataclass(frozen=True)
class Injected:
    """`clean` and `flawed` differ in the statement at `line` of `flawed`, which causes a defect of `kind`."""

    kind: str
    clean: str
    flawed: str
    line: int


def make(kind: str, seed: int) -> Injected:
    """One pair of programs; the same arguments give the same pair."""
    rng = np.random.default_rng([KINDS.index(kind), seed])
    lines = [*HEAD, *_chart(rng)]
    clean, flawed, at = list(lines), list(lines), len(lines)
    before, after = _INJECTIONS[kind](rng)
    if before is not None:
        clean.append(before)
    flawed.append(after)
    end = ["fig.savefig('chart.png')"]
    return Injected(kind, "\n".join(clean + end) + "\n", "\n".join(flawed + end) + "\n", at + 1)


def _chart(rng: np.random.Generator) -> list[str]:
    """A chart with room around it, whose upper half has no data."""
    width, height, dpi = rng.choice([4.5, 5, 6, 7]), rng.choice([3.5, 4, 4.5]), int(rng.choice([80, 90, 100]))
    names = [str(word) for word in rng.choice(WORDS, int(rng.integers(3, 6)), replace=False)]
    values = [int(value) for value in rng.integers(3, 10, len(names))]
    color = str(rng.choice(DARK))
    marks = {
        "bar": f"ax.bar({names}, {values}, color='{color}')",
        "line": f"ax.plot({names}, {values}, color='{color}', marker='o')",
        "scatter": f"ax.scatter(range({len(values)}), {values}, color='{color}')",
        "hist": f"ax.bar(range({len(values)}), {values}, color='{color}', edgecolor='black', width=1)",
    }
    lines = [
        f"fig, ax = plt.subplots(figsize=({width}, {height}), dpi={dpi})",
        "fig.subplots_adjust(left=0.18, bottom=0.18, top=0.85, right=0.95)",
        marks[str(rng.choice(list(marks)))],
        "ax.set_ylim(0, 20)",
        f"ax.set_ylabel('{rng.choice(WORDS)} in mm')",
    ]
    if rng.random() < 0.5:
        lines.append("ax.grid(axis='y', alpha=0.3)")
    return lines


def _clipped(rng):
    words = " ".join(rng.choice(WORDS, 16))
    return f"ax.set_title('{words[:18]}')", f"ax.set_title('{words}', fontsize={int(rng.integers(14, 20))})"


def _overlapping(rng):
    choice = int(rng.integers(4))
    if choice == 0:
        first = f"ax.text(0.2, 17, '{rng.choice(WORDS)} high'); "
        return first + "ax.text(0.2, 14, 'low')", first + "ax.text(0.25, 17.1, 'lower')"
    if choice == 1:
        return "ax.axhline(12, color='gray')", "ax.axhline(12, color='gray'); ax.text(0.5, 12, 'limit', va='center')"
    if choice == 2:
        many = f"ax.set_xticks(np.linspace(0, 2, {int(rng.integers(9, 14))}))"
        labels = f"ax.set_xticklabels(['{rng.choice(WORDS)} area'] * len(ax.get_xticks()))"
        return "ax.set_xticks([0, 1, 2])", f"{many}; {labels}"
    return "ax.plot([0, 1, 2], [15, 16, 17], label='trend'); ax.legend(loc='upper right')", (
        "ax.plot([0, 1, 2], [9, 10, 11], label='trend'); ax.legend(loc='center')"
    )


def _pale(rng):
    setter = str(rng.choice(["ax.set_title", "ax.set_xlabel"]))
    text = f"{rng.choice(WORDS)} and {rng.choice(WORDS)}"
    return f"{setter}('{text}', color='{rng.choice(DARK[:7])}')", f"{setter}('{text}', color='{rng.choice(PALE)}')"


def _outside(rng):
    x, y = ((9, 9), (1, 40), (-8, 5), (1, -30))[int(rng.integers(4))]
    word = rng.choice(WORDS)
    return f"ax.text(0.5, 15, '{word}')", f"ax.text({x}, {y}, '{word}')"


def _tiny(rng):
    setter, size = str(rng.choice(["ax.set_title", "ax.set_xlabel"])), float(rng.choice([2, 3, 4]))
    return f"{setter}('{rng.choice(WORDS)} per year')", f"{setter}('{rng.choice(WORDS)} per year', fontsize={size})"


def _glyphless(rng):
    # Scripts that neither DejaVu nor the usual CJK fonts have.
    character = chr(int(rng.choice([0x10900, 0x12000, 0x13000, 0x16A40])))
    return "ax.set_title('Total')", f"ax.set_title('Total {character}')"


_INJECTIONS = dict(zip(KINDS, (_clipped, _overlapping, _pale, _outside, _tiny, _glyphless), strict=True))
