"""The text blocks of two pages, and which belong together: the matching of Design2Code (arXiv 2403.03163, section 3).

Blocks are matched by the similarity of their texts. A text that one page writes in one piece and the other in two is
found by trying to merge neighbours and keeping what makes the matched pairs more alike.
"""

from __future__ import annotations

import dataclasses
import difflib
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment

# A merge has to lower the mean cost of the pairs that it changes by more than this.
_GAIN = 0.05
# Pairs with a lower similarity than this say nothing about each other.
SIMILAR = 0.5
# What similar neighbours add to the cost of a pair in the last matching.
_CONTEXT = 0.1


@dataclasses.dataclass(frozen=True)
class TextBlock:
    """One visible text of a page.

    Attributes:
      text: lower case, without blanks around it.
      box: `(left, top, width, height)`, each as a share of the width or height of the page.
      color: mean RGB of its pixels, components in 0–255.
    """

    text: str
    box: tuple[float, float, float, float]
    color: tuple[float, float, float]

    @property
    def area(self) -> float:
        """Share of the page that the box covers."""
        return self.box[2] * self.box[3]

    @property
    def center(self) -> tuple[float, float]:
        """Center of the box, as shares of the page."""
        return self.box[0] + self.box[2] / 2, self.box[1] + self.box[3] / 2


@dataclasses.dataclass(frozen=True)
class Matching:
    """Blocks of both pages after merging, and `(index, index, similarity)` of the pairs that belong together."""

    found: tuple[TextBlock, ...]
    wanted: tuple[TextBlock, ...]
    pairs: tuple[tuple[int, int, float], ...]


class Similarity:
    """Ratcliff-Obershelp similarity 2M/T of texts, remembered. Not symmetric: the prediction's text comes first."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], float] = {}
        self._matcher = difflib.SequenceMatcher(None)

    def __call__(self, found: str, wanted: str) -> float:
        """Similarity in 0–1."""
        value = self._known.get((found, wanted))
        if value is None:
            # The matcher indexes its second text; setting the first one only is cheap.
            if self._matcher.b != wanted:
                self._matcher.set_seq2(wanted)
            self._matcher.set_seq1(found)
            value = self._known[found, wanted] = self._matcher.ratio()
        return value

    def costs(self, found: Sequence[TextBlock], wanted: Sequence[TextBlock]) -> np.ndarray:
        """Negative similarities, float64[found, wanted]."""
        table = np.zeros((len(found), len(wanted)))
        for column, block in enumerate(wanted):
            for row, other in enumerate(found):
                table[row, column] = -self(other.text, block.text)
        return table


def join_same_boxes(blocks: Iterable[TextBlock]) -> list[TextBlock]:
    """Blocks with the very same box become one: texts with a blank between them, colors averaged one after the other.

    Texts directly below one tag share their pixels and so their box.
    """
    joined: dict[tuple[float, ...], TextBlock] = {}
    for block in blocks:
        first = joined.get(block.box)
        if first is not None:
            color = tuple((a + b) / 2 for a, b in zip(first.color, block.color, strict=True))
            block = TextBlock(f"{first.text} {block.text}", block.box, color)
        joined[block.box] = block
    return list(joined.values())


def match(found: Sequence[TextBlock], wanted: Sequence[TextBlock], similarity: Similarity | None = None) -> Matching:
    """Matches the blocks of a prediction with those of the reference, neighbours merged where that helps.

    Args:
      found: blocks of the prediction in the order of the document, same boxes joined.
      wanted: blocks of the reference.
      similarity: remembers similarities between calls.
    """
    similarity = similarity or Similarity()
    found, wanted = list(found), list(wanted)
    changed = bool(found and wanted)
    while changed:
        found, first = _merge_neighbours(found, similarity.costs(found, wanted), wanted, similarity, flip=False)
        wanted, second = _merge_neighbours(wanted, similarity.costs(found, wanted).T, found, similarity, flip=True)
        changed = first or second
    if not found or not wanted:
        return Matching(tuple(found), tuple(wanted), ())
    costs = similarity.costs(found, wanted)
    rows, columns = linear_sum_assignment(_with_context(costs))
    pairs = [(int(i), int(j), float(-costs[i, j])) for i, j in zip(rows, columns, strict=True)]
    return Matching(tuple(found), tuple(wanted), tuple(pair for pair in pairs if pair[2] >= SIMILAR))


def merge(first: TextBlock, second: TextBlock) -> TextBlock:
    """Two neighbours as one block: joined text, common box, whole-number mean color."""
    left, top = min(first.box[0], second.box[0]), min(first.box[1], second.box[1])
    right = max(first.box[0] + first.box[2], second.box[0] + second.box[2])
    bottom = max(first.box[1] + first.box[3], second.box[1] + second.box[3])
    color = tuple((a + b) // 2 for a, b in zip(first.color, second.color, strict=True))
    return TextBlock(f"{first.text} {second.text}", (left, top, right - left, bottom - top), color)


def _merge_neighbours(
    blocks: list[TextBlock], costs: np.ndarray, others: Sequence[TextBlock], similarity: Similarity, *, flip: bool
) -> tuple[list[TextBlock], bool]:
    """Merges the neighbours among `blocks` that gain, best first; `costs` has a row for each. And whether any did."""
    if len(blocks) < 2:
        return blocks, False
    before = _assigned(costs, flip)
    gains = []
    for index in range(len(blocks) - 1):
        text = f"{blocks[index].text} {blocks[index + 1].text}"
        row = [-(similarity(b.text, text) if flip else similarity(text, b.text)) for b in others]
        trial = np.delete(costs, index + 1, axis=0)
        trial[index] = row
        gain = mean_gain(before, _assigned(trial, flip))
        if gain > _GAIN:
            gains.append((gain, index))
    merged, gone = list(blocks), set()
    used: set[int] = set()
    for _, index in sorted(gains, key=lambda pair: -pair[0]):
        if not used & {index, index + 1}:
            used |= {index, index + 1}
            merged[index] = merge(blocks[index], blocks[index + 1])
            gone.add(index + 1)
    return [block for index, block in enumerate(merged) if index not in gone], bool(gains)


def _assigned(costs: np.ndarray, flip: bool) -> list[float]:
    """Costs of the pairs of the best assignment. Ties are broken by the orientation, so the prediction's is kept."""
    table = costs.T if flip else costs
    rows, columns = linear_sum_assignment(table)
    return table[rows, columns].tolist()


def mean_gain(before: Iterable[float], after: Iterable[float]) -> float:
    """How much lower the mean cost of the changed pairs is after a merge; costs that both have are left out.

    Zero if the lowest changed cost did not fall: then the mean fell only because a bad pair vanished.
    """
    first, second = Counter(before), Counter(after)
    old, new = list((first - second).elements()), list((second - first).elements())
    gain = (sum(old) / len(old) if old else 0.0) - (sum(new) / len(new) if new else 0.0)
    return 0.0 if gain > 0 and old and new and min(old) <= min(new) else gain


def _with_context(costs: np.ndarray) -> np.ndarray:
    """Costs below -0.5, lowered further by the two lowest of the eight around them."""
    adjusted = costs.copy()
    for row, column in zip(*np.nonzero(costs < -SIMILAR), strict=True):
        around = costs[max(0, row - 1) : row + 2, max(0, column - 1) : column + 2].ravel()
        own = int(np.flatnonzero(around == costs[row, column])[0])
        adjusted[row, column] += _CONTEXT * np.sort(np.delete(around, own))[:2].sum()
    return adjusted
