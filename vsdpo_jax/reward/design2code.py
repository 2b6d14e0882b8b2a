"""The scores of Design2Code (Si et al., arXiv 2403.03163): how much of a page's visible text a prediction has, where,
and in which color.

They are the published metrics, known weaknesses included: text, position and color are means over the matched blocks
only, so a page that has a tenth of the blocks right can score 1 on three of the four; block-match is what counts the
rest. Pages with blocks that do not match, and pages without blocks, score 0 on all four.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from vsdpo_jax.reward import ciede2000
from vsdpo_jax.reward.text_blocks import Matching, Similarity, TextBlock, join_same_boxes, match
from vsdpo_jax.types import Scene

NAMES = ("block_match", "text", "position", "color")


@dataclasses.dataclass(frozen=True)
class BlockScores:
    """The four scores of a page, in 0–1, and what they were made of.

    Attributes:
      block_match: area of the matched blocks of both pages over the area of all blocks.
      text: mean similarity of the matched texts.
      position: mean of 1 - the larger of the horizontal and vertical distance of the centers, as shares of the pages.
      color: mean of 1 - CIEDE2000 / 100 of the mean colors.
      matching: the blocks after merging and their pairs.
    """

    block_match: float
    text: float
    position: float
    color: float
    matching: Matching

    @property
    def values(self) -> dict[str, float]:
        """The four scores by name."""
        return {name: getattr(self, name) for name in NAMES}


def score(found: Sequence[TextBlock], wanted: Sequence[TextBlock], similarity: Similarity | None = None) -> BlockScores:
    """Scores the blocks of a prediction against those of the reference, both in the order of the document."""
    matching = match(join_same_boxes(found), join_same_boxes(wanted), similarity)
    if not matching.pairs:
        return BlockScores(0.0, 0.0, 0.0, 0.0, matching)
    pairs = [(matching.found[i], matching.wanted[j]) for i, j, _ in matching.pairs]
    matched = sum(a.area + b.area for a, b in pairs)
    # Every block of either page is in one pair or in none.
    everything = sum(block.area for block in (*matching.found, *matching.wanted))
    return BlockScores(
        block_match=matched / everything,
        text=float(np.mean([ratio for _, _, ratio in matching.pairs])),
        position=float(np.mean([_position(a, b) for a, b in pairs])),
        color=float(np.mean([ciede2000.similarity(a.color, b.color) for a, b in pairs])),
        matching=matching,
    )


def _position(first: TextBlock, second: TextBlock) -> float:
    return 1 - max(abs(a - b) for a, b in zip(first.center, second.center, strict=True))


def scene_blocks(scene: Scene) -> tuple[TextBlock, ...]:
    """The text blocks of an ordinary render, from the boxes and colors that the browser reports.

    What a reward needs costs nothing this way. Against the benchmark's own blocks, which are made of recolored pixels,
    boxes are larger by the room around the letters, and texts in `<strong>` or `<em>` are not lost.
    """
    if scene.error is not None:
        return ()
    texts = [element for element in scene.elements if element.text.strip() and element.font_size > 0]
    if scene.kind in ("web", "slide"):
        # Elements come in drawing order; the order of the document is what neighbours are taken from.
        texts.sort(key=lambda element: element.statements[0].start if element.statements else 0)
    return tuple(_block(scene, element) for element in texts)


def _block(scene: Scene, element) -> TextBlock:
    left, top, right, bottom = element.box
    box = (left / scene.width, top / scene.height, (right - left) / scene.width, (bottom - top) / scene.height)
    color = element.color or (0.0, 0.0, 0.0)
    return TextBlock(element.text.strip().lower(), box, tuple(round(255 * value) for value in color))


def page_blocks(scene: Scene) -> tuple[TextBlock, ...]:
    """The benchmark's own text blocks, from a scene of the kind `page_blocks` or `answer_blocks`; none of a failure.

    Raises:
      ValueError: the scene is of another kind, or forged.
    """
    if scene.error is not None:
        return ()
    if not scene.elements:
        return ()
    size = scene.report.get("block_size")
    if not isinstance(size, list) or len(size) != 2 or not all(isinstance(edge, int) and edge > 0 for edge in size):
        raise ValueError(f"a scene of kind {scene.kind!r} without the size of its blocks")
    width, height = size
    blocks = []
    for element in scene.elements:
        left, top, right, bottom = element.box
        box = (left / width, top / height, (right - left) / width, (bottom - top) / height)
        blocks.append(TextBlock(element.text, box, tuple(round(255 * value) for value in element.color or (0, 0, 0))))
    return tuple(blocks)
