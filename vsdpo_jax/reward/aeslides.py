"""The four rules of AeSlides (arXiv 2604.22840): aspect ratio, whitespace, visual imbalance, element collision.

What is published, and what is ours because it is not:

- aspect: published whole (`calculate_asymmetric_quadratic_reward`).
- whitespace: measure and curve are published (`whitespace.py`, `calculate_smoothstep_reward`); that the curve is
  applied to the share inside the margins is inferred from its limits, which fit nothing else.
- imbalance: the measure is published (`centroid.py`), its tolerances included; how it becomes a score is ours.
- collision: only its name and the three kinds of defects are known. The definition, in `slide_collision.py`, is ours.

A blank slide has a perfect shape and nothing that collides; its imbalance and collision scores are 0.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator

from vsdpo_jax.feedback import geometry
from vsdpo_jax.reward.slide_collision import collision
from vsdpo_jax.reward.slide_tree import SlideNode, SlideTree

NAMES = ("aspect", "whitespace", "imbalance", "collision")
_TARGET = 1280 / 720
_SPREAD, _TALL, _MARGIN = 16.0, 64.0, 0.04
_EMPTY, _FULL = 0.8, 0.995
_TOLERANCE_X, _TOLERANCE_Y = 0.0075, 0.145
_LEAST_AREA, _LEAST_LINE, _LEAST_OPACITY = 4.0, 2.0, 0.05
_SHORT_TEXT = 40
_ICON_WEIGHT = 0.5
_ATOMS = frozenset(
    "svg img picture canvas video iframe object embed button input textarea select option progress meter".split()
)
_BACKGROUND_SHARE = (0.002, 0.75)
_BACKGROUND_CHILDREN = 12
_BACKGROUND_REST = 0.08


@dataclasses.dataclass(frozen=True)
class SlideScores:
    """The four scores of a slide, in 0–1, and what was measured: `imbalance_distance` is None for a blank slide."""

    aspect: float
    whitespace: float
    imbalance: float
    collision: float
    content_ratio: float
    imbalance_distance: float | None
    defective: tuple[str, ...]

    @property
    def values(self) -> dict[str, float]:
        """The four scores by name."""
        return {name: getattr(self, name) for name in NAMES}


def score(tree: SlideTree, height: float, content_ratio: float) -> SlideScores:
    """Scores a slide.

    Args:
      tree: its elements.
      height: of the slide as rendered, at the width of the tree's view.
      content_ratio: share inside the margins that is filled (`whitespace.content_ratios`).
    """
    distance = imbalance_distance(tree)
    collided = collision(tree)
    return SlideScores(
        aspect=aspect(tree.width, height),
        whitespace=smoothstep(content_ratio),
        imbalance=balance(distance),
        collision=collided.score,
        content_ratio=content_ratio,
        imbalance_distance=distance,
        defective=collided.defects,
    )


def aspect(width: float, height: float) -> float:
    """exp(-16 e² - 64 max(-e - 0.04, 0)²) with e = ln(width / height / (16 / 9)): too tall is worse than too wide.

    0 for a slide without a size. Published.
    """
    if width <= 0 or height <= 0:
        return 0.0
    error = math.log(width / height / _TARGET)
    return math.exp(-_SPREAD * error**2 - _TALL * max(-error - _MARGIN, 0.0) ** 2)


def smoothstep(value: float, lower: float = _EMPTY, upper: float = _FULL) -> float:
    """0 below `lower`, 1 above `upper`, 3u² - 2u³ between. Published."""
    u = min(1.0, max(0.0, (value - lower) / (upper - lower)))
    return u * u * (3 - 2 * u)


def balance(distance: float | None) -> float:
    """The score of an imbalance: 1 within the tolerance, exp(-(d - 1) / 2) beyond, 0 for a blank slide. Ours."""
    if distance is None:
        return 0.0
    return 1.0 if distance <= 1 else math.exp(-(distance - 1) / 2)


def imbalance_distance(tree: SlideTree) -> float | None:
    """How far the centroid of what is seen is from the middle, in tolerances.

    They are 0.75% of the width and 14.5% of the height. Above 1 a slide counts as imbalanced. None for a slide
    with nothing to weigh. Published.
    """
    total = across = down = 0.0
    for box, weight in _weights(tree):
        total += weight
        across += weight * (box[0] + box[2]) / 2
        down += weight * (box[1] + box[3]) / 2
    if total <= 0:
        return None
    return math.hypot(
        (across / total / tree.width - 0.5) / _TOLERANCE_X, (down / total / tree.height - 0.5) / _TOLERANCE_Y
    )


def _weights(tree: SlideTree) -> Iterator[tuple[tuple[float, float, float, float], float]]:
    """(box, weight) of all that counts. Every level of nested boxes counts again, as in the published code."""
    children = tree.children()
    for index, node in enumerate(tree.nodes):
        area = geometry.area(node.box)
        if not node.kept or area < _LEAST_AREA or node.opacity < _LEAST_OPACITY or node.tag in ("html", "body"):
            continue
        is_text = node.is_text or node.text_length > 0
        if is_text and node.text_length > _SHORT_TEXT and node.lines:
            yield from ((line, geometry.area(line)) for line in node.lines if geometry.area(line) >= _LEAST_LINE)
        elif is_text:
            yield node.box, area
        if node.is_image:
            yield node.box, area
        elif node.is_icon:
            yield node.box, _ICON_WEIGHT * area
        elif not is_text and not children[index] and node.tag in _ATOMS:
            yield node.box, area
        rest = _uncovered(tree, node, children[index], area)
        if rest:
            yield node.box, rest


def _uncovered(tree: SlideTree, node: SlideNode, children: list[int], area: float) -> float:
    """Area of a background picture that neither children nor own text cover; 0 if it does not count."""
    share = area / (tree.width * tree.height)
    if not node.background_image or node.is_image or len(children) > _BACKGROUND_CHILDREN:
        return 0.0
    if not _BACKGROUND_SHARE[0] <= share <= _BACKGROUND_SHARE[1]:
        return 0.0
    inner = [*(tree.nodes[child].box for child in children), *node.lines]
    covered = sum(geometry.area(geometry.intersection(node.box, box)) for box in inner)
    rest = area - min(area, covered)
    return rest if rest >= _LEAST_AREA and rest >= _BACKGROUND_REST * area else 0.0
