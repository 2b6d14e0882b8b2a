"""ChartMimic's low-level scores of a chart against its reference: text, layout, type and color.

Source: github.com/ChartMimic/ChartMimic, `chart2code/utils/evaluator` (arXiv 2406.09961). Where the published code
depends on chance or on the example before, this does not: colors are thinned out in order of appearance rather than
in that of a Python set, and a chart without a plotting call scores 0 in type rather than what the last one had.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Collection, Mapping, Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment

from vsdpo_jax.reward.chart import cleanliness
from vsdpo_jax.reward.ciede2000 import similarity
from vsdpo_jax.types import ChartTraces, Defect, Scene

PARTS = ("text", "layout", "type", "color")
# More colors than this are thinned out, by leaving out those that are more alike than `_ALIKE` to one that stays.
_MOST_COLORS = 10
_ALIKE = 0.7
# What the published evaluator takes every panel of a graph for.
_GRAPH_PANEL = (1, 1, 0, 1, 0, 1)


@dataclasses.dataclass(frozen=True)
class Score:
    """Share of what is drawn that is right, share of what is wanted that is drawn, and their harmonic mean."""

    precision: float
    recall: float
    f1: float

    @classmethod
    def of(cls, matched: float, found: float, wanted: float) -> Score:
        """From the sizes of the match and of both sides; 0 if a side is empty, both included."""
        precision = matched / found if found else 0.0
        recall = matched / wanted if wanted else 0.0
        total = precision + recall
        return cls(precision, recall, 2 * precision * recall / total if total else 0.0)


NOTHING = Score(0.0, 0.0, 0.0)


def scores(found: ChartTraces | None, wanted: ChartTraces | None, *, graph: bool = False) -> dict[str, Score]:
    """The four scores, by the names in `PARTS`; all 0 where one of the charts left no trace.

    Args:
      found: of the chart to score, also if it failed half-way.
      wanted: of the reference.
      graph: the reference is one of the `graph_…` examples, of whose panels only the number counts.
    """
    if found is None or wanted is None:
        return dict.fromkeys(PARTS, NOTHING)
    places = [[_GRAPH_PANEL] * side.axes if graph else side.layout for side in (found, wanted)]
    # A reference that raises leaves no file of colors behind; a scored program is wrapped, and its file stays.
    wanted_colors = wanted.colors if wanted.colors_whole else ()
    return {
        "text": multiset(Counter(found.texts), Counter(wanted.texts)),
        "layout": multiset(Counter(places[0]), Counter(places[1])),
        "type": multiset(Counter(dict(found.types)), Counter(dict(wanted.types))),
        "color": color(found.colors, wanted_colors),
    }


def multiset(found: Counter, wanted: Counter) -> Score:
    """By exact equality, each thing as often as both sides have it."""
    return Score.of((found & wanted).total(), found.total(), wanted.total())


def color(found: Sequence[tuple[str, str]], wanted: Sequence[tuple[str, str]]) -> Score:
    """By the best one-to-one assignment of the colors of each plotting function."""
    found, wanted = thin_out(found), thin_out(wanted)
    groups = _by_group(found), _by_group(wanted)
    matched = sum(best_assignment(groups[0][name], groups[1][name]) for name in groups[0].keys() & groups[1].keys())
    return Score.of(matched, len(found), len(wanted))


def thin_out(colors: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Ten colors as they are; of more, those that are not too alike to an earlier one, of whatever function."""
    if len(colors) <= _MOST_COLORS:
        return list(colors)
    kept: list[tuple[str, str]] = []
    for entry in colors:
        if all(alike(entry[1], other[1]) <= _ALIKE for other in kept):
            kept.append(entry)
    return kept


def best_assignment(found: Sequence[str], wanted: Sequence[str]) -> float:
    """The largest total likeness of an assignment of the shorter list into the longer one."""
    table = np.array([[alike(first, second) for second in wanted] for first in found])
    rows, columns = linear_sum_assignment(table, maximize=True)
    return float(table[rows, columns].sum())


def alike(first: str, second: str) -> float:
    """1 - CIEDE2000 / 100 of two `#RRGGBB`, equality of two names of color maps, 0 across."""
    if first.startswith("#") and second.startswith("#"):
        return similarity(_components(first), _components(second))
    return float(first == second)


def visual(scene: Scene, reference: Scene | None, defects: Sequence[Defect]) -> tuple[float, dict[str, float]]:
    """(r_vis, its parts): the mean of the four F1, times cleanliness, which also asks for something to be seen.

    Both scenes need their traces (`RenderFarm.submit(…, traces=True)`). Raises ValueError if the reference has none.
    Without a reference that renders only cleanliness counts.
    """
    if reference is None or reference.error is not None:
        return cleanliness(defects), {"cleanliness": cleanliness(defects)}
    if reference.traces is None:
        raise ValueError("the reference was rendered without traces")
    parts = {name: score.f1 for name, score in scores(scene.traces, reference.traces).items()}
    low = sum(parts.values()) / len(PARTS)
    parts["cleanliness"] = cleanliness(defects)
    return low * parts["cleanliness"], parts


def _by_group(colors: Collection[tuple[str, str]]) -> Mapping[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for group, entry in colors:
        groups.setdefault(group, []).append(entry)
    return groups


def _components(color: str) -> tuple[int, ...]:
    return tuple(int(color[i : i + 2], 16) for i in (1, 3, 5))
